%% Prints the lines of otp25.txt and its like: what term_to_binary of this OTP makes of fixed terms,
%% those left out that it does not know.
-mode(compile).

main([]) ->
    io:setopts([{encoding, unicode}]),
    [line(Name, Term, Form) || {Name, Term, Form} <- terms()],
    [line(Name, foreign(Bytes), m2()) || {Name, Bytes} <- records()],
    line("local", {local, 1}, [local]).

line(_, unknown, _) -> ok;
line(Name, Term, Form) ->
    try term_to_binary(Term, Form) of
        Bytes -> io:format("~s ~s~n", [Name, hex(Bytes)])
    catch
        error:badarg -> ok
    end.

foreign(Bytes) ->
    try ext(Bytes) catch error:badarg -> unknown end.

%% Native records, by hand: an escript cannot define them on every release.
records() ->
    [{"record", <<67, 2:32, 1, 119, 3, "geo", 119, 5, "point", 119, 1, "y", 119, 1, "x", 97, 1, 70, 2.5/float>>},
     {"record-hidden", <<67, 1:32, 0, 119, 16, "Elixir.Shop.Item", 119, 4, "item", 119, 3, "sku", 109, 1:32, "a">>},
     {"record-empty", <<67, 0:32, 1, 119, 3, "geo", 119, 6, "origin">>},
     {"record-nested", <<67, 1:32, 1, 119, 3, "geo", 119, 3, "box", 119, 2, "at",
         67, 1:32, 0, 119, 3, "geo", 119, 3, "box", 119, 2, "at", 106>>}].

hex(Bytes) -> [io_lib:format("~2.16.0b", [B]) || <<B>> <= Bytes].
ext(Bytes) -> binary_to_term(<<131, Bytes/binary>>).
m2() -> [{minor_version, 2}].

terms() ->
    [{Name, Term, m2()} || {Name, Term} <- [
        {"zero", 0}, {"byte", 255}, {"over-byte", 256}, {"minus-one", -1},
        {"i32-max", 2147483647}, {"i32-min", -2147483648},
        {"over-i32", 2147483648}, {"under-i32", -2147483649},
        {"i64-max", 9223372036854775807}, {"i64-min", -9223372036854775808},
        {"over-i64", 9223372036854775808}, {"u64-max", 18446744073709551615},
        {"over-u64", 18446744073709551616}, {"small-big-max", (1 bsl 2040) - 1}, {"large-big", -(1 bsl 2040)},
        {"float", 1.5}, {"minus-zero", -0.0}, {"float-max", 1.7976931348623157e308}, {"float-min", 5.0e-324},
        {"atom", ok}, {"atom-empty", ''}, {"atom-latin1", 'ß'}, {"atom-module", 'Elixir.Shop.Item'},
        {"atom-255-bytes", binary_to_atom(binary:copy(<<"x">>, 255))},
        {"atom-256-bytes", binary_to_atom(binary:copy(<<"ß"/utf8>>, 128))},
        {"atom-1020-bytes", binary_to_atom(binary:copy(<<"😀"/utf8>>, 255))},
        {"nil", []}, {"string", "abc"}, {"string-top", [0, 255]}, {"list", [-1, 2]}, {"list-256", [256]},
        {"improper", [1, 2 | 3]}, {"alias-tag", [alias | ext(<<90, 3:16, 119, 3, "a@h", 7:32, 1:32, 2:32, 3:32>>)]},
        {"tuple-empty", {}}, {"tuple", {1, {2}}}, {"tuple-256", list_to_tuple(lists:duplicate(256, []))},
        {"map-empty", #{}}, {"map", #{a => 1, <<"a">> => 2, 1 => 3, 1.0 => 4}},
        {"binary-empty", <<>>}, {"binary", <<"héllo"/utf8>>}, {"bits-1", <<1:1>>}, {"bits-11", <<255, 5:3>>},
        {"pid", ext(<<88, 119, 3, "a@h", 4294967295:32, 5:32, 6:32>>)},
        {"port", ext(<<89, 119, 3, "a@h", 7:32, 6:32>>)},
        {"port-v4", ext(<<120, 119, 3, "a@h", (1 bsl 28):64, 6:32>>)},
        {"reference-1", ext(<<90, 1:16, 119, 3, "a@h", 7:32, 1:32>>)},
        {"reference-3", ext(<<90, 3:16, 119, 3, "a@h", 7:32, 1:32, 2:32, 3:32>>)},
        {"reference-5", ext(<<90, 5:16, 119, 3, "a@h", 7:32, 1:32, 2:32, 3:32, 4:32, 5:32>>)},
        {"export", fun lists:map/2},
        {"fun", ext(<<112, 87:32, 1, (binary:copy(<<9>>, 16))/binary, 2:32, 2:32, 119, 1, "m", 97, 3, 98, 123456:32,
                      88, 119, 3, "a@h", 1:32, 2:32, 3:32, 97, 42, 109, 7:32, "closure">>)}
    ]] ++ [
        {"form0-float", 1.5, [{minor_version, 0}]}, {"form0-atom", 'ß', [{minor_version, 0}]},
        {"form0-pid", ext(<<88, 119, 3, "a@h", 1:32, 2:32, 6:32>>), [{minor_version, 0}]},
        {"compressed", lists:duplicate(20, <<"again">>), [compressed]}
    ].
