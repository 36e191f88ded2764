%% Makes random terms and judges what came back of them.
%%
%%   escript terms.escript Port Mode Seed Count
%%
%% Connects to 127.0.0.1:Port and speaks in packets with a 4-byte length:
%%   out  <<"terms", (<<Size:32, Term/binary>>)...>>   a batch
%%   in   the same, term by term                        what became of it
%%   out  <<"verdict", Text/binary>>                    "ok", or what was wrong
-mode(compile).

main([Port, Mode, Seed, Count]) ->
    N = list_to_integer(Seed),
    rand:seed(exsss, {N, N bsr 17, 25}),
    put(atoms, list_to_tuple(fixed_atoms() ++ [random_atom() || _ <- lists:seq(1, 1000)])),
    {ok, Socket} = gen_tcp:connect({127,0,0,1}, list_to_integer(Port), [binary, {packet, 4}, {active, false}]),
    run(list_to_atom(Mode), Socket, 0, list_to_integer(Count)).

run(_, Socket, _, Left) when Left =< 0 -> verdict(Socket, <<"ok">>);
run(Mode, Socket, Done, Left) ->
    Batch = [make(Mode) || _ <- lists:seq(1, min(500, Left))],
    ok = gen_tcp:send(Socket, ["terms", [[<<(byte_size(B)):32>>, B] || {_, B} <- Batch]]),
    {ok, <<"terms", Answer/binary>>} = gen_tcp:recv(Socket, 0),
    case judge(Mode, Batch, [Back || <<Size:32, Back:Size/binary>> <= Answer], Done) of
        ok -> run(Mode, Socket, Done + length(Batch), Left - length(Batch));
        Wrong -> verdict(Socket, Wrong)
    end.

verdict(Socket, Text) ->
    ok = gen_tcp:send(Socket, ["verdict", Text]),
    {error, closed} = gen_tcp:recv(Socket, 0).

make(codec) ->
    Form = case uniform(20) of
        1 -> [{minor_version, 0}];
        2 -> [{minor_version, 1}];
        3 -> [compressed];
        _ -> [{minor_version, 2}]
    end,
    {Form, term_to_binary(gen(6), Form)};
make(order) ->
    A = near(3),
    B = near(3),
    ByValue = if A < B -> -1; A == B -> 0; true -> 1 end,
    {order, term_to_binary({A, B, ByValue, erts_internal:cmp_term(A, B)}, [{minor_version, 2}])}.

judge(_, [], [], _) -> ok;
judge(order, [{_, Sent} | Batch], [Back | Answers], At) ->
    case Back of
        <<"ok">> -> judge(order, Batch, Answers, At + 1);
        Wrong -> report("says " ++ binary_to_list(Wrong), At, Sent, Back)
    end;
judge(codec, [{Form, Sent} | Batch], [Back | Answers], At) ->
    Term = binary_to_term(Sent),
    try binary_to_term(Back) of
        Term when Form =/= [{minor_version, 2}] -> judge(codec, Batch, Answers, At + 1);
        Term when Sent =:= Back -> judge(codec, Batch, Answers, At + 1);
        Term when byte_size(Sent) =:= byte_size(Back) ->
            %% The pairs of a map may stand in another order.
            case has_map(Term) of
                true -> judge(codec, Batch, Answers, At + 1);
                false -> report("came back in other bytes", At, Sent, Back)
            end;
        Term -> report("came back in more or fewer bytes", At, Sent, Back);
        Other ->
            What = io_lib:format("(~0p) came back changed, ~0tp as ~0tp", [Form | difference(Term, Other)]),
            report(What, At, Sent, Back)
    catch
        error:badarg -> report("came back as what is no term", At, Sent, Back)
    end;
judge(_, _, _, At) -> report("has no answer", At, <<131, 106>>, <<>>).

report(What, At, Sent, Back) ->
    unicode:characters_to_binary(io_lib:format("term ~w ~ts: ~0tP~nsent ~ts~nback ~ts (~0tp)", [
        At, What, binary_to_term(Sent), 100, hex(Sent), hex(Back), Back
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
has_map(_) -> false.

%% Terms of every kind, and of every size where the format changes.

uniform(N) -> rand:uniform(N).
pick(List) -> lists:nth(uniform(length(List)), List).
bytes(N) -> rand:bytes(N).

gen(Size) when Size =< 0 -> leaf();
gen(Size) ->
    case uniform(24) of
        N when N =< 10 -> leaf();
        N when N =< 13 -> list_to_tuple(many(uniform(5) - 1, Size));
        N when N =< 16 -> many(uniform(5) - 1, Size);
        N when N =< 18 -> many(uniform(4), Size) ++ leaf();
        N when N =< 20 -> map(pick([0, 1, 2, 3, 5, 31, 32, 33, uniform(100)]), Size);
        21 -> fun_of(gen(Size div 2), gen(Size div 2));
        22 -> [uniform(258) - 2 || _ <- lists:seq(1, uniform(40))];
        23 -> rare(uniform(200), Size);
        24 -> deep(uniform(300), leaf())
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

map(N, Size) -> maps:from_list([{gen(Size - 4), gen(Size - 6)} || _ <- lists:seq(1, N)]).

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
        1 -> pick([0.0, -0.0, 1.0, -1.5, 1.7976931348623157e308, -1.7976931348623157e308,
                   2.2250738585072014e-308, 5.0e-324, 0.1, 1.0e15, 9007199254740993.0]);
        2 -> rand:normal() * 1.0e6;
        3 ->
            case bytes(8) of
                <<Float/float>> -> Float;
                _ -> 0.5
            end
    end.

fixed_atoms() ->
    ['', a, ok, 'Elixir.Shop.Item', 'hello world', 'ß', '日本', binary_to_atom(binary:copy(<<"x">>, 254)),
     binary_to_atom(binary:copy(<<"x">>, 255)), binary_to_atom(binary:copy(<<"ß"/utf8>>, 127)),
     binary_to_atom(binary:copy(<<"ß"/utf8>>, 128)), binary_to_atom(binary:copy(<<"ß"/utf8>>, 255)),
     binary_to_atom(binary:copy(<<"😀"/utf8>>, 255))].

random_atom() ->
    Top = pick([16#7f, 16#ff, 16#fff, 16#d7ff]),
    list_to_atom([uniform(Top) || _ <- lists:seq(1, pick([3, 10, 22, 23, 24, uniform(255)]))]).

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

port() ->
    case uniform(3) of
        1 -> hd(erlang:ports());
        2 -> foreign(<<89, (node_ext())/binary, (uniform(1 bsl 28) - 1):32, (creation()):32>>);
        3 -> Id = pick([(1 bsl 28) - 1, 1 bsl 28, 1 bsl 32, uniform(1 bsl 64) - 1]),
            foreign(<<120, (node_ext())/binary, Id:64, (creation()):32>>)
    end.

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
    case uniform(6) of
        1 -> near(0);
        2 -> list_to_tuple(Some);
        3 -> Some;
        4 -> Some ++ near(0);
        5 -> maps:from_list([{near(0), Term} || Term <- Some]);
        6 -> [uniform(2) || _ <- lists:seq(1, uniform(4))]
    end.
