%% Makes random terms and judges what came back of them.
%%
%%   escript terms.escript Port Mode Seed Count
%%
%% Connects to 127.0.0.1:Port and speaks in packets with a 4-byte length:
%%   out  <<"atoms", (<<Size:32, Term/binary>>)...>>   the atoms that ATOM_CACHE_REFs number
%%   out  <<"terms", (<<Size:32, Term/binary>>)...>>   a batch: each term, then what ~0tp prints
%%                                                     of it in UTF-8, or nothing
%%   in   the same, an answer for each term            what became of it
%%   out  <<"verdict", Text/binary>>                   "ok", or what was wrong
%%
%% A term that begins with 68 in place of 131 refers to atoms by number.
-mode(compile).

main([Port, Mode, Seed, Count]) ->
    Kind = list_to_atom(Mode),
    {ok, Socket} = gen_tcp:connect({127,0,0,1}, list_to_integer(Port), [binary, {packet, 4}, {active, false}]),
    ok = gen_tcp:send(Socket, ["atoms", [sized(term_to_binary(Atom)) || Atom <- cached_atoms()]]),
    Judge = self(),
    %% One batch is made while the one before is answered.
    spawn_link(fun() -> prepare(list_to_integer(Seed)), make_all(Judge, Kind, list_to_integer(Count)) end),
    run(Kind, Socket, 0).

run(Mode, Socket, Done) ->
    receive
        {_, []} -> verdict(Socket, <<"ok">>);
        {Maker, Batch} ->
            Maker ! more,
            ok = gen_tcp:send(Socket, ["terms", [[sized(Sent), sized(Text)] || {_, Sent, Text} <- Batch]]),
            {ok, <<"terms", Answer/binary>>} = gen_tcp:recv(Socket, 0),
            case judge(Mode, Batch, [Back || <<Size:32, Back:Size/binary>> <= Answer], Done) of
                ok -> run(Mode, Socket, Done + length(Batch));
                Wrong -> verdict(Socket, Wrong)
            end
    end.

verdict(Socket, Text) ->
    ok = gen_tcp:send(Socket, ["verdict", Text]),
    {error, closed} = gen_tcp:recv(Socket, 0).

sized(Bytes) -> [<<(byte_size(Bytes)):32>>, Bytes].

prepare(Seed) ->
    rand:seed(exsss, {Seed, Seed bsr 17, 25}),
    put(atoms, list_to_tuple(fixed_atoms() ++ [random_atom() || _ <- lists:seq(1, 1000)])),
    put(cached, maps:from_list(lists:zip(cached_atoms(), lists:seq(0, length(cached_atoms()) - 1)))),
    put(has_records, try is_map(record(m, n, 1, [])) of _ -> true catch error:badarg -> false end).

make_all(Judge, Mode, Left) ->
    Judge ! {self(), [make(Mode) || _ <- lists:seq(1, min(500, Left))]},
    receive more -> make_all(Judge, Mode, max(0, Left - 500)) end.

make(codec) ->
    erase(own_way),
    Term = gen(6),
    OwnWay = get(own_way) =:= true,
    Text = case uniform(8) of 1 when not OwnWay -> text(Term); _ -> <<>> end,
    case uniform(20) of
        _ when OwnWay -> {own_way, term_to_binary(Term, [{minor_version, 2}]), Text};
        N when N =< 4 -> {by_hand, <<131, (iolist_to_binary(wire(Term)))/binary>>, Text};
        5 ->
            put(caching, true),
            Sent = <<68, (iolist_to_binary(wire(Term)))/binary>>,
            erase(caching),
            {{cached, Term}, Sent, Text};
        6 -> form([{minor_version, 0}], Term, Text);
        7 -> form([{minor_version, 1}], Term, Text);
        8 -> form([compressed], Term, Text);
        N when N =< 14 -> form([{minor_version, 2}], Term, Text);
        _ -> form([{minor_version, 2}, deterministic], Term, Text)
    end;
make(order) ->
    A = near(3),
    B = near(3),
    ByValue = if A < B -> -1; A == B -> 0; true -> 1 end,
    {order, term_to_binary({A, B, ByValue, erts_internal:cmp_term(A, B)}, [{minor_version, 2}]), <<>>}.

form(Form, Term, Text) -> {Form, term_to_binary(Term, Form), Text}.

%% What ~0tp prints, unless a BEAM prints it in numbers or an order of its own, or is long about it.
text(Term) ->
    case is_ordered_here(Term) andalso erts_debug:flat_size(Term) < 2000 andalso not has_latin1(Term) of
        false -> <<>>;
        true ->
            Text = unicode:characters_to_binary(io_lib:format(print_control(), [Term])),
            %% Ids; and characters that nobody sees, which Erlang shows raw.
            Own = "#Ref<|#Port<|<[0-9]+\\.[0-9]+\\.[0-9]+>|[\\x{a0}\\x{34f}\\x{61c}\\x{2000}-\\x{206f}]",
            case re:run(Text, Own, [unicode]) of
                nomatch -> Text;
                _ -> <<>>
            end
    end.

%% Bytes that are text in Latin-1 and not in UTF-8: OTP 29 prints numbers for those that begin like
%% the latter, the others text.
has_latin1(Bytes) when is_binary(Bytes) ->
    not is_binary(unicode:characters_to_binary(Bytes)) andalso
        io_lib:printable_latin1_list(binary_to_list(Bytes)) andalso release() > 27;
has_latin1([Head | Tail]) -> has_latin1(Head) orelse has_latin1(Tail);
has_latin1(Tuple) when is_tuple(Tuple) -> has_latin1(tuple_to_list(Tuple));
has_latin1(Map) when is_map(Map) -> has_latin1(maps:to_list(Map));
has_latin1(_) -> false.

release() -> list_to_integer(erlang:system_info(otp_release)).

%% Maps in the order of their keys: asked for since OTP 26, before that so only in the smaller ones.
print_control() -> case since_26() of true -> "~0ktp"; false -> "~0tp" end.
since_26() -> release() >= 26.

is_ordered_here(Term) -> since_26() orelse is_ordered(Term).
is_ordered(Map) when is_map(Map) -> map_size(Map) =< 32 andalso is_ordered(maps:to_list(Map));
is_ordered(Tuple) when is_tuple(Tuple) -> is_ordered(tuple_to_list(Tuple));
is_ordered([Head | Tail]) -> is_ordered(Head) andalso is_ordered(Tail);
is_ordered(_) -> true.

judge(_, [], [], _) -> ok;
judge(order, [{_, Sent, _} | Batch], [Back | Answers], At) ->
    case Back of
        <<"ok">> -> judge(order, Batch, Answers, At + 1);
        Wrong -> report("says " ++ binary_to_list(Wrong), At, binary_to_term(Sent), Sent, Back)
    end;
judge(codec, [{Form, Sent, _} | Batch], [Back | Answers], At) ->
    Term = case Form of {cached, Meant} -> Meant; _ -> binary_to_term(Sent) end,
    case verdict_on(Form, Term, Sent, Back) of
        ok -> judge(codec, Batch, Answers, At + 1);
        Wrong -> report(Wrong, At, Term, Sent, Back)
    end;
judge(_, _, _, At) -> report("has no answer", At, [], <<131, 106>>, <<>>).

verdict_on(Form, Term, Sent, Back) ->
    try binary_to_term(Back) of
        Term ->
            Plain = Form =:= [{minor_version, 2}] andalso not has_map(Term),
            case term_to_binary(Term, [{minor_version, 2}, deterministic]) of
                _ when Form =:= own_way -> ok;
                Back when Plain, Sent =/= Back -> "is not what it was without maps";
                Back -> ok;
                Expected ->
                    At = binary:longest_common_prefix([Back, Expected]),
                    Part = fun(Bytes) -> hex(binary:part(Bytes, At, min(100, byte_size(Bytes) - At))) end,
                    io_lib:format("came back with ~ts in place of ~ts at ~w", [Part(Back), Part(Expected), At])
            end;
        Other -> io_lib:format("(~0P) came back changed, ~0tp as ~0tp", [Form, 9 | difference(Term, Other)])
    catch
        error:badarg -> "came back as what is no term"
    end.

report(What, At, Term, Sent, Back) ->
    %% An answer that is no term is a complaint.
    Answer = case Back of <<131, _/binary>> -> hex(Back); _ -> string:slice(Back, 0, 4000) end,
    unicode:characters_to_binary(io_lib:format("term ~w ~ts~nanswer ~ts~nsent ~ts~nterm ~0tP", [
        At, What, Answer, hex(Sent), Term, 100
    ])).

%% The first parts that differ.
difference(A, B) when is_list(A), is_list(B), length(A) =:= length(B) ->
    hd([difference(X, Y) || {X, Y} <- lists:zip(A, B), X =/= Y]);
difference(A, B) when is_tuple(A), is_tuple(B) -> difference(tuple_to_list(A), tuple_to_list(B));
difference(A, B) when is_map(A), is_map(B) ->
    case {maps:without(maps:keys(B), A), maps:without(maps:keys(A), B)} of
        {Same, Same} -> hd([difference(X, map_get(K, B)) || {K, X} <- maps:to_list(A), X =/= map_get(K, B)]);
        {OnlyA, OnlyB} -> [OnlyA, OnlyB]
    end;
difference(A, B) -> [A, B].

hex(Bytes) -> string:slice([io_lib:format("~2.16.0b", [B]) || <<B>> <= Bytes], 0, 2000).

has_map(Map) when is_map(Map) -> true;
has_map(Tuple) when is_tuple(Tuple) -> has_map(tuple_to_list(Tuple));
has_map([Head | Tail]) -> has_map(Head) orelse has_map(Tail);
has_map(Fun) when is_function(Fun) -> {env, Env} = erlang:fun_info(Fun, env), has_map(Env);
has_map(Leaf) when is_atom(Leaf); is_number(Leaf); is_bitstring(Leaf); is_pid(Leaf); is_port(Leaf) -> false;
has_map(Leaf) when is_reference(Leaf); Leaf =:= [] -> false;
%% A native record, which only later releases can look into.
has_map(_) -> true.

%% Terms of every kind, and of every size where the format changes.

uniform(N) -> rand:uniform(N).
pick(List) -> lists:nth(uniform(length(List)), List).
bytes(N) -> rand:bytes(N).

gen(Size) when Size =< 0 -> leaf();
gen(Size) ->
    case uniform(28) of
        N when N =< 10 -> leaf();
        N when N =< 13 -> list_to_tuple(many(uniform(5) - 1, Size));
        N when N =< 16 -> many(uniform(5) - 1, Size);
        N when N =< 18 -> many(uniform(4), Size) ++ leaf();
        N when N =< 20 -> map(pick([0, 1, 2, 3, 5, 31, 32, 33, uniform(100)]), Size);
        21 -> fun_of(gen(Size div 2), gen(Size div 2));
        22 -> [uniform(258) - 2 || _ <- lists:seq(1, uniform(40))];
        23 -> rare(uniform(200), Size);
        24 -> deep(uniform(300), leaf());
        25 -> alike(Size);
        26 -> long(Size);
        27 -> binary_to_list(bytes(pick([1, 2, 14, 15, 16, 17, 18, 254, 255, 256, uniform(600)])));
        28 -> record(Size)
    end.

many(N, Size) -> [gen(Size - 2 - uniform(2)) || _ <- lists:seq(1, N)].

rare(1, _) -> binary_to_list(bytes(65535));
rare(2, _) -> binary_to_list(bytes(65536));
rare(3, _) -> [256 | binary_to_list(bytes(65534))];
rare(4, _) -> binary_to_list(bytes(300)) ++ tail;
rare(5, _) -> deep(9900, leaf());
rare(6, _) -> bytes(70000);
rare(7, _) -> <<(bytes(70000))/binary, 5:3>>;
rare(8, _) -> lists:seq(1, 70000);
rare(_, _) -> list_to_tuple([leaf() || _ <- lists:seq(1, 253 + uniform(4))]).

%% Maps beside and inside each other whose keys are the same, or nearly so.
alike(Size) ->
    Base = [element(uniform(tuple_size(get(atoms))), get(atoms)) || _ <- lists:seq(1, pick([1, 2, 3, 8, 31, 32, 33]))],
    Sets = [Base | [variant(Base) || _ <- lists:seq(1, uniform(7) - 1)]],
    Maps = [maps:from_list([{Key, alike_value(Sets, Size)} || Key <- pick(Sets)]) || _ <- lists:seq(1, 2 + uniform(8))],
    case uniform(4) of
        1 -> list_to_tuple(Maps);
        2 -> Maps ++ leaf();
        _ -> Maps
    end.

variant(Base) ->
    {Before, After} = lists:split(uniform(length(Base)) - 1, Base),
    Other = element(uniform(tuple_size(get(atoms))), get(atoms)),
    case uniform(5) of
        1 -> Before ++ [Other | tl(After)];
        2 -> Base ++ [Other];
        3 -> Before ++ tl(After);
        4 -> Before ++ [leaf() | tl(After)];
        5 -> [binary_to_atom(<<"k", (integer_to_binary(N))/binary>>) || N <- lists:seq(1, length(Base))]
    end.

alike_value(Sets, Size) ->
    case uniform(40) of
        1 -> maps:from_list([{Key, leaf()} || Key <- pick(Sets)]);
        2 -> gen(Size - 5);
        N when N < 20 -> uniform(300) - 10;
        _ -> leaf()
    end.

%% Lists that are read in one go as long as they hold no containers.
long(Size) ->
    N = pick([30, 31, 32, 33, 34, 40, 100, 300]),
    Leaves = [leaf() || _ <- lists:seq(1, N)],
    {Before, After} = lists:split(pick([0, N - 1, N, uniform(N)]), Leaves),
    case uniform(5) of
        1 -> Leaves;
        2 -> Leaves ++ leaf();
        3 -> Before ++ [gen(Size - 4) | After];
        4 -> Before ++ [{}, gen(Size - 4)] ++ After ++ leaf();
        5 -> {Leaves, Before ++ [#{a => After} | After]}
    end.

record(Size) ->
    case get(has_records) of
        true ->
            Fields = lists:usort([element(uniform(30), get(atoms)) || _ <- lists:seq(1, pick([0, 1, 2, 3, 12]))]),
            [Module, Name] = [pick([m, n, 'Elixir.Shop.Item', 'a b', 'ß']) || _ <- [1, 2]],
            Values = fun() -> record(Module, Name, uniform(2) - 1, [{Field, gen(Size - 4)} || Field <- shuffle(Fields)]) end,
            case uniform(3) of
                1 -> [Values() || _ <- lists:seq(1, 4)];
                _ -> Values()
            end;
        false -> {leaf(), leaf()}
    end.

record(Module, Name, Flags, Fields) ->
    {Names, Values} = lists:unzip(Fields),
    Parts = [ext(Part) || Part <- [Module, Name] ++ Names ++ Values],
    foreign(iolist_to_binary([<<67, (length(Fields)):32, Flags>> | Parts])).

ext(Term) -> <<131, Ext/binary>> = term_to_binary(Term, [{minor_version, 2}]), Ext.
shuffle(List) -> [Element || {_, Element} <- lists:sort([{rand:uniform(), Element} || Element <- List])].

map(N, Size) -> maps:from_list([{key(Size - 4), gen(Size - 6)} || _ <- lists:seq(1, N)]).

%% OTP 26 and later compare small maps in the order in which their atoms came into this very node,
%% also when they sort the keys of a deterministic map.
key(Size) ->
    Key = gen(Size),
    case since_26() andalso has_map(Key) of
        true ->
            case uniform(50) of
                1 -> put(own_way, true), Key;
                _ -> leaf()
            end;
        false -> Key
    end.

deep(0, Term) -> Term;
deep(N, Term) ->
    deep(N - 1, case uniform(4) of
        1 -> {Term};
        2 -> [Term];
        3 -> [Term | tail];
        4 -> #{N => Term}
    end).

fun_of(A, B) ->
    case uniform(4) of
        1 -> fun() -> ok end;
        2 -> fun(X) -> {X, A} end;
        3 -> fun(X, Y) -> {X, Y, A, B} end;
        4 -> fun Self(X) -> Self({X, B}) end
    end.

leaf() ->
    case uniform(14) of
        1 -> integer();
        2 -> -integer();
        3 -> uniform(1000) - 500;
        4 -> float();
        5 -> element(uniform(tuple_size(get(atoms))), get(atoms));
        6 -> bytes(pick([0, 1, 21, 22, 23, 24, 255, 256, uniform(60)]));
        7 -> Bits = uniform(40) - 1, <<Rest:Bits/bitstring, _/bitstring>> = bytes(5), Rest;
        8 -> pid();
        9 -> port();
        10 -> ref();
        11 -> pick([fun erlang:self/0, fun lists:map/2, fun 'Elixir.Enum':map/255, fun '':''/0]);
        12 -> [];
        13 -> pick([{}, #{}, "", nil, true, <<>>, "abc", "ÿ", "Ā"]);
        14 -> unicode:characters_to_binary([uniform(16#d7ff) || _ <- lists:seq(1, uniform(12))])
    end.

integer() ->
    case uniform(3) of
        1 -> (1 bsl pick([7, 8, 15, 16, 27, 28, 31, 32, 59, 60, 63, 64, 127, 128])) + uniform(3) - 2;
        2 -> Bits = 8 * pick([7, 8, 9, 15, 16, 17, 254, 255, 256, 257, 300, 600]), (1 bsl Bits) + uniform(3) - 2;
        3 -> binary:decode_unsigned(bytes(uniform(pick([4, 9, 20, 400]))))
    end.

float() ->
    case uniform(3) of
        1 -> pick([zero(), zero(), 1.0, -1.5, 1.7976931348623157e308, -1.7976931348623157e308,
                   2.2250738585072014e-308, 5.0e-324, 0.1, 1.0e15, 9007199254740993.0]);
        2 -> rand:normal() * 1.0e6;
        3 ->
            case bytes(8) of
                <<Float/float>> -> Float;
                _ -> 0.5
            end
    end.

%% Before OTP 27, `=:=`, the order of keys and the compiler take -0.0 for 0.0, so that only the former
%% is made, and not of a literal.
zero() ->
    Bits = case release() >= 27 andalso uniform(2) of
        1 -> 0;
        _ -> 1 bsl 63
    end,
    <<Zero/float>> = <<Bits:64>>,
    Zero.

fixed_atoms() ->
    ['', a, ok, 'Elixir.Shop.Item', 'hello world', 'ß', '日本', binary_to_atom(binary:copy(<<"x">>, 254)),
     binary_to_atom(binary:copy(<<"x">>, 255)), binary_to_atom(binary:copy(<<"ß"/utf8>>, 127)),
     binary_to_atom(binary:copy(<<"ß"/utf8>>, 128)), binary_to_atom(binary:copy(<<"ß"/utf8>>, 255)),
     binary_to_atom(binary:copy(<<"😀"/utf8>>, 255))].

%% Those that a dist header would name: short ones, long ones, and keys of maps.
cached_atoms() -> fixed_atoms() ++ [binary_to_atom(<<"k", (integer_to_binary(N))/binary>>) || N <- lists:seq(1, 20)].

random_atom() ->
    Top = pick([16#7f, 16#ff, 16#fff, 16#d7ff]),
    list_to_atom([uniform(Top) || _ <- lists:seq(1, pick([3, 10, 22, 23, 24, uniform(255)]))]).

%% Every form of a term that a node may read, also those that none writes any more: the pairs of
%% maps in any order, lists cell by cell, numbers with zeros, atoms by number or in Latin-1.

wire(Map) when is_map(Map) ->
    [<<116, (map_size(Map)):32>> | [[wire(Key), wire(Value)] || {Key, Value} <- shuffle(maps:to_list(Map))]];
wire(Tuple) when is_tuple(Tuple) ->
    Size = tuple_size(Tuple),
    Head = if Size > 255 -> <<105, Size:32>>; true -> pick([<<104, Size>>, <<104, Size>>, <<105, Size:32>>]) end,
    [Head | [wire(Element) || Element <- tuple_to_list(Tuple)]];
wire([_ | _] = List) -> wire_list(List, cells(List, 0));
wire(Integer) when is_integer(Integer) ->
    case uniform(3) of
        1 when Integer >= -(1 bsl 31), Integer < 1 bsl 31 -> <<98, Integer:32>>;
        2 when abs(Integer) < 1 bsl 500 ->
            Digits = binary:encode_unsigned(abs(Integer), little),
            Size = byte_size(Digits) + uniform(9) - 1,
            [<<110, Size, (sign(Integer))>>, Digits, <<0:(8 * (Size - byte_size(Digits)))>>];
        _ -> ext(Integer)
    end;
wire(Atom) when is_atom(Atom) ->
    Cached = get(caching) =:= true andalso maps:find(Atom, get(cached)),
    case {Cached, atom_to_binary(Atom), unicode:characters_to_binary(atom_to_list(Atom), unicode, latin1)} of
        {{ok, Number}, _, _} -> <<82, Number>>;
        {_, Text, Latin1} ->
            case uniform(6) of
                1 -> [<<118, (byte_size(Text)):16>>, Text];
                2 when is_binary(Latin1) -> [<<100, (byte_size(Latin1)):16>>, Latin1];
                3 when is_binary(Latin1) -> [<<115, (byte_size(Latin1))>>, Latin1];
                _ -> ext(Atom)
            end
    end;
wire(Bytes) when is_binary(Bytes), Bytes =/= <<>> ->
    case uniform(4) of
        1 -> [<<77, (byte_size(Bytes)):32, 8>>, Bytes];
        _ -> ext(Bytes)
    end;
wire(Other) -> ext(Other).

sign(Integer) when Integer < 0 -> 1;
sign(_) -> 0.

cells([_ | Tail], N) -> cells(Tail, N + 1);
cells(_, N) -> N.

wire_list(List, Cells) ->
    Some = case uniform(3) of 1 -> uniform(Cells); _ -> Cells end,
    {Front, Rest} = split(Some, List, []),
    case Some < 65536 andalso lists:all(fun(E) -> is_integer(E) andalso E >= 0 andalso E < 256 end, Front) of
        true when Rest =:= [], Some rem 3 > 0 -> [<<107, Some:16>>, Front];
        _ -> [<<108, Some:32>>, [wire(Element) || Element <- Front], wire(Rest)]
    end.

split(0, Rest, Front) -> {lists:reverse(Front), Rest};
split(N, [Head | Tail], Front) -> split(N - 1, Tail, [Head | Front]).

%% What belongs to this node, and to others.

node_name() -> pick(["nonode@nohost", "a@h", "worker@10.0.0.7", "a-node-with-a-long-name@a-long-host.example"]).
node_ext() -> Name = list_to_binary(node_name()), <<119, (byte_size(Name)), Name/binary>>.
creation() -> pick([1, 3, 4, 16#7fffffff, 16#ffffffff]).
foreign(Bytes) -> binary_to_term(<<131, Bytes/binary>>).

pid() ->
    case uniform(2) of
        1 -> self();
        2 -> foreign_pid()
    end.
foreign_pid(Id, Serial) -> foreign(<<88, (node_ext())/binary, Id:32, Serial:32, (creation()):32>>).
foreign_pid() -> foreign_pid(uniform(1 bsl 32) - 1, uniform(1 bsl 32) - 1).

%% OTP 26 and later write all ports as V4_PORT_EXT. We keep to the form that every node reads where
%% it is wide enough, so there only =:= tells whether such a term came back.
port() ->
    Rare = case since_26() of true -> 50; false -> 1 end,
    case {uniform(3), uniform(Rare)} of
        {N, 1} when N < 3 -> put(own_way, since_26()), small_port(N);
        _ -> v4_port()
    end.

small_port(1) -> hd(erlang:ports());
small_port(2) -> foreign(<<89, (node_ext())/binary, (uniform(1 bsl 28) - 1):32, (creation()):32>>).

v4_port() ->
    Id = pick([1 bsl 28, 1 bsl 32, (1 bsl 28) + uniform(1 bsl 63) - 1]),
    foreign(<<120, (node_ext())/binary, Id:64, (creation()):32>>).

ref() ->
    case uniform(2) of
        1 -> make_ref();
        %% Not of one word: OTP 25 does not find such a key of another node in a map again, since it
        %% hashes the unused half of its last heap word.
        2 -> foreign_ref([uniform(1 bsl 18) - 1 | [uniform(1 bsl 32) - 1 || _ <- lists:seq(1, uniform(4))]])
    end.
foreign_ref(Words) ->
    foreign(<<90, (length(Words)):16, (node_ext())/binary, (creation()):32, << <<W:32>> || W <- Words >>/binary>>).

%% Terms that are often close to each other.

near(0) ->
    case uniform(9) of
        1 -> uniform(3);
        2 -> uniform(3) * 1.0;
        3 -> pick([-1, 1 bsl 53, (1 bsl 53) + 1, 9007199254740992.0, 1 bsl 64, 1.0e300, -1.0e300, -(1 bsl 70), 0.5]);
        4 -> pick([a, b, ab, 'ß', '']);
        5 -> pick([<<>>, <<1>>, <<1, 2>>, <<1:1>>, <<128>>, <<128, 0:1>>, <<1:1, 0:1>>, <<129>>, <<4:3>>]);
        6 -> foreign_pid(uniform(2), uniform(2));
        7 -> foreign_ref(pick([[1], [2], [1, 1], [2, 1], [1, 2], [1, 0], [1, 1, 0], [1, 1, 1]]));
        8 -> foreign(<<120, (node_ext())/binary, (uniform(2)):64, (creation()):32>>);
        9 -> pick([fun lists:map/2, fun lists:map/3, fun lists:foldl/3, fun_of(near(0), 1), []])
    end;
near(Size) ->
    Some = [near(Size - 1) || _ <- lists:seq(1, uniform(3) - 1)],
    case uniform(8) of
        8 -> maps:from_list([{pick([N, N * 1.0]), uniform(2)} || N <- lists:sublist(shuffle(lists:seq(1, 36)), 34)]);
        7 ->
            case get(has_records) of
                true ->
                    Fields = lists:sublist(shuffle(pick([[x, y, z], [x, y, w]])), length(Some)),
                    record(pick([a, b]), pick([a, b]), uniform(2) - 1, lists:zip(Fields, Some));
                false -> near(0)
            end;
        1 -> near(0);
        2 -> list_to_tuple(Some);
        3 -> Some;
        4 -> Some ++ near(0);
        5 -> maps:from_list(few_atoms([{near(0), Term} || Term <- Some]));
        6 -> [uniform(2) || _ <- lists:seq(1, uniform(4))]
    end.

%% See key/1.
few_atoms(Pairs) ->
    {Atoms, Others} = lists:partition(fun({Key, _}) -> is_atom(Key) end, Pairs),
    case since_26() of true -> lists:sublist(Atoms, 1) ++ Others; false -> Pairs end.
