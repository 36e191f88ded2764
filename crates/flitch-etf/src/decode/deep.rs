//! Terms that are too deep to be read by recursion: their open containers wait on the heap.

use super::Place;
use super::build::{Build, Failure};
use crate::term::Definition;
use crate::{Fun, Reader, Tag};

/// A container whose elements are still being read.
struct Open {
    container: Container,
    /// Elements that are still to come.
    left: usize,
    /// Where the elements start among the finished terms.
    start: usize,
}

enum Container {
    Tuple,
    /// The elements of a list; its tail comes last.
    List,
    /// Keys and values by turns.
    Map,
    Record(Definition),
    Fun(Box<Fun>),
}

impl Reader<'_> {
    /// Reads the container at the cursor.
    pub(super) fn deep(&mut self, build: &mut Build, place: Place) -> Result<(), Failure> {
        let mut open: Vec<Open> = Vec::new();
        let mut owed = place.owed;
        loop {
            let (container, count) = self.head(build)?;
            let tail = usize::from(matches!(container, Container::List));
            build.meter.announce(self, count, owed + tail)?;
            let left = count + tail;
            match open.last_mut() {
                // C nodes write a list cell by cell, each the tail of the one before: still one.
                Some(Open { container: Container::List, left: tail @ 1, .. })
                    if matches!(container, Container::List) =>
                {
                    *tail = left;
                }
                _ => {
                    build.meter.check_level(self, place.level + open.len())?;
                    open.push(Open { container, left, start: build.done.len() });
                }
            }
            // One finished term may finish the containers around it.
            while let Some(frame) = open.last_mut() {
                while frame.left > 0 && self.leaf(&mut build.done, &mut build.meter)? {
                    frame.left -= 1;
                }
                if frame.left > 0 {
                    owed += frame.left - 1;
                    break;
                }
                if let Some(Open { container, start, .. }) = open.pop() {
                    self.close(build, container, start)?;
                }
                match open.last_mut() {
                    None => return Ok(()),
                    Some(around) => {
                        around.left -= 1;
                        owed -= around.left;
                    }
                }
            }
        }
    }

    /// What a container is, and how many elements follow; the tail of a list is one more.
    fn head(&mut self, build: &mut Build) -> Result<(Container, usize), Failure> {
        Ok(match self.tag()? {
            Tag::LIST_EXT => (Container::List, self.u32("length of a list")? as usize),
            Tag::MAP_EXT => {
                (Container::Map, (self.u32("size of a map")? as usize).saturating_mul(2))
            }
            Tag::RECORD_EXT => {
                let definition = self.definition(build)?;
                let fields = definition.fields().len();
                (Container::Record(definition), fields)
            }
            Tag::NEW_FUN_EXT => {
                let (fun, free) = self.fun(build)?;
                (Container::Fun(fun), free)
            }
            tuple => (Container::Tuple, self.arity(tuple)?),
        })
    }

    fn close(&self, build: &mut Build, container: Container, start: usize) -> Result<(), Failure> {
        match container {
            Container::Tuple => build.close_tuple(start),
            Container::List => build.close_with_tail(self, start)?,
            Container::Map => build.close_map(self, start, 0)?,
            Container::Record(definition) => build.close_record(definition, start),
            Container::Fun(fun) => build.close_fun(fun, start),
        }
        Ok(())
    }
}
