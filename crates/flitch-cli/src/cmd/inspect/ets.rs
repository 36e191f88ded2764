//! `flitch ets`: the tables that take the most memory. Their rows are not read.

use std::cmp::Reverse;

use flitch::Term;
use flitch::etf::text::Syntax;
use serde::Serialize;

use super::{show, syntax};
use crate::args::EtsArgs;
use crate::failure::Failure;
use crate::out::ids;
use crate::out::table::{Column, Table as Lines, bytes};
use crate::out::view::{Block, Document};
use crate::remote::{CHUNK, Remote, count, list, unexpected};

#[derive(Serialize)]
struct Tables {
    node: String,
    /// Of all, also those that are not shown.
    table_count: usize,
    tables: Vec<Table>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Table {
    name: String,
    named: bool,
    rows: u64,
    memory_bytes: u64,
    kind: String,
    protection: String,
    owner: Option<String>,
}

pub(crate) async fn run(args: EtsArgs) -> Result<(), Failure> {
    let most = usize::from(args.limit);
    show(args.target, args.view, async |remote| read(remote, most, syntax(args.view)).await).await
}

async fn read(remote: &Remote<'_>, most: usize, syntax: Syntax) -> Result<Tables, Failure> {
    let word = remote.call("erlang", "system_info", &[Term::atom("wordsize")]).await?;
    let word = count(&word).ok_or_else(|| unexpected("size of a word"))?;
    let all = list(&remote.call("ets", "all", &[]).await?)?;
    let mut tables = Vec::new();
    for chunk in all.chunks(CHUNK) {
        let found = remote.map("ets", "info", chunk.to_vec()).await?;
        tables.extend(found.iter().filter_map(|info| Table::of(info, word, syntax)));
    }
    tables.sort_by_key(|table| Reverse(table.memory_bytes));
    tables.truncate(most);
    Ok(Tables { node: remote.client.target.to_string(), table_count: all.len(), tables })
}

impl Table {
    /// A table from what `ets:info/1` says; nothing, if it has gone.
    fn of(info: &Term, word: u64, syntax: Syntax) -> Option<Self> {
        let word_of = |key| Some(info.field(key)?.as_atom()?.as_str().to_owned());
        Some(Self {
            name: ids::term(syntax, info.field("name")?),
            named: info.field("named_table")?.as_bool()?,
            rows: count(info.field("size")?)?,
            memory_bytes: count(info.field("memory")?)?.saturating_mul(word),
            kind: word_of("type")?,
            protection: word_of("protection")?,
            owner: info.field("owner").map(|owner| ids::term(syntax, owner)),
        })
    }
}

impl Document for Tables {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let mut table = Lines::new([
            Column::left("NAME"),
            Column::right("ROWS"),
            Column::right("MEMORY"),
            Column::left("TYPE"),
            Column::left("PROTECTION"),
            Column::left("OWNER"),
        ]);
        for it in &self.tables {
            table.row([
                it.name.clone(),
                it.rows.to_string(),
                bytes(it.memory_bytes),
                it.kind.clone(),
                it.protection.clone(),
                super::or_dash(it.owner.as_ref()),
            ]);
        }
        let shown = format!("{} of {} tables", self.tables.len(), self.table_count);
        vec![Block::Table(table), Block::Lines(vec![shown])]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.tables.iter().map(|table| table.name.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::parse;

    use super::*;

    #[test]
    fn a_tables_memory_is_in_bytes_and_not_in_words() {
        // As OTP 25 answers, without the options.
        let info = "[{name,ac_tab},{named_table,true},{size,3},{memory,100},{type,set},
            {protection,public}]";
        let info = parse(Syntax::Erlang, info).unwrap();
        let table = Table::of(&info, 8, Syntax::Elixir).unwrap();
        assert_eq!((table.name.as_str(), table.rows, table.memory_bytes), (":ac_tab", 3, 800));
        assert_eq!(Table::of(&Term::atom("undefined"), 8, Syntax::Elixir), None);
    }
}
