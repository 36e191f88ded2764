%% What two nodes say to each other, one kind of traffic a step: loaded into both ends of a recorded
%% link (src/bin/record.rs).
%%
%% A step runs in a process of its own at one node and ends with a message to the registered name
%% `traffic` of the other and back, so that whatever it sent is on the wire by then.
-module(traffic).
-export([start/0, steps/0, step/2, far/0, told/1, fails/1]).

%% The far end: answers barriers and makes what the steps need over there.
start() ->
    Starter = self(),
    spawn(fun() ->
        register(traffic, self()),
        Starter ! started,
        loop()
    end),
    receive started -> ok end.

loop() ->
    receive
        {barrier, From} -> From ! barrier;
        {far, From} -> From ! {far, spawn(fun far/0)};
        _ -> ok
    end,
    loop().

%% A process that does what it is told by messages.
far() ->
    receive
        {alias, From, Options} -> From ! {alias, alias(Options)};
        {die, Reason} -> exit(Reason);
        {trap, From} -> process_flag(trap_exit, true), From ! trapping;
        {register, Name, From} -> register(Name, self()), From ! registered;
        {await, From, Message} -> receive Message -> From ! {got, self()} end;
        _ -> ok
    end,
    far().

told(To) -> To ! {told, self()}.
fails(Reason) -> exit(Reason).

%% Every step that this release can do, in the order in which they are to be done.
steps() ->
    Release = list_to_integer(erlang:system_info(otp_release)),
    [send, reg_send, alias_send, link_unlink, exit, exit2, monitor_pid, monitor_name, demonitor,
     noproc, group_leader, spawn, spawn_error, call, rpc,
     {traced, send}, {traced, reg_send}, {traced, alias_send}, {traced, exit}, {traced, exit2},
     {traced, spawn}, {traced, spawn_error}, {traced, monitor_pid}, {traced, link_unlink},
     terms, atoms_few, atoms_again, {atoms, 1}, {atoms, 2}, {atoms, 254}, {atoms, 255},
     {atoms, 256}, {atoms, 300}, atoms_evicted, atoms_latin1, atoms_utf8, {atoms_long, 1},
     {atoms_long, 2}, {atoms_long, 3},
     {large, 65000}, {large, 65536}, {large, 131072}, {large, 1000000},
     large_list, large_with_atoms, large_traced, large_reg_send, large_alias_send, large_exit,
     large_exit2, large_down, large_spawn, interleaved, tick]
    ++ [Step || Release >= 28, Step <- [priority_send, {traced, priority_send}, priority_exit,
                                        {traced, priority_exit}, priority_large, priority_monitor]]
    ++ [records || Release >= 29].

%% Does one step towards that node.
step(Step, Node) ->
    {Pid, Monitor} = spawn_monitor(fun() -> step_of(Step, Node), barrier(Node) end),
    receive {'DOWN', Monitor, process, Pid, Reason} -> Reason end.

step_of({traced, Step}, Node) ->
    seq_trace:set_token(label, 17),
    do(Step, Node),
    seq_trace:set_token([]);
step_of(Step, Node) ->
    do(Step, Node).

barrier(Node) ->
    {traffic, Node} ! {barrier, self()},
    receive barrier -> ok end.

%% A process over there, asked for by name.
far(Node) ->
    {traffic, Node} ! {far, self()},
    receive {far, Pid} -> Pid end.

alias_of(Far, Options) ->
    Far ! {alias, self(), Options},
    receive {alias, Alias} -> Alias end.

do(send, Node) -> far(Node) ! hello;
do(reg_send, Node) -> {traffic, Node} ! hello, {nobody, Node} ! hello;
do(alias_send, Node) -> alias_of(far(Node), [explicit_unalias]) ! hello;
do(link_unlink, Node) ->
    Far = far(Node),
    link(Far),
    unlink(Far),
    %% Waits for the acknowledgement of the one before.
    link(Far),
    unlink(Far);
do(exit, Node) ->
    Far = far(Node),
    linked_far(Far, crash);
do(exit2, Node) -> exit(far(Node), bye), exit(far(Node), kill);
do(monitor_pid, Node) ->
    Far = far(Node),
    Monitor = monitor(process, Far),
    Far ! {die, {shutdown, done}},
    receive {'DOWN', Monitor, process, Far, {shutdown, done}} -> ok end;
do(monitor_name, Node) ->
    Far = far(Node),
    Far ! {register, watched, self()},
    receive registered -> ok end,
    Monitor = monitor(process, {watched, Node}),
    {watched, Node} ! {die, normal},
    receive {'DOWN', Monitor, process, {watched, Node}, normal} -> ok end;
do(demonitor, Node) ->
    demonitor(monitor(process, far(Node)), [flush]),
    demonitor(monitor(process, {traffic, Node}), [flush]);
do(noproc, Node) ->
    Far = far(Node),
    Far ! {die, normal},
    First = monitor(process, Far),
    receive {'DOWN', First, process, Far, _} -> ok end,
    Second = monitor(process, Far),
    receive {'DOWN', Second, process, Far, noproc} -> ok end,
    Third = monitor(process, {nobody, Node}),
    receive {'DOWN', Third, process, {nobody, Node}, noproc} -> ok end,
    process_flag(trap_exit, true),
    link(Far),
    receive {'EXIT', Far, noproc} -> ok end;
do(group_leader, Node) ->
    Far = far(Node),
    group_leader(self(), Far);
do(spawn, Node) ->
    process_flag(trap_exit, true),
    Plain = spawn_request(Node, ?MODULE, told, [self()], []),
    receive {spawn_reply, Plain, ok, Pid} -> receive {told, Pid} -> ok end end,
    Bound = spawn_request(Node, ?MODULE, fails, [kaput], [link, monitor, {priority, low}]),
    receive {spawn_reply, Bound, ok, _} -> ok end,
    receive {'DOWN', Bound, process, _, _} -> ok end;
do(spawn_error, Node) ->
    Request = spawn_request(Node, ?MODULE, told, [self()], [{no_such_option, true}]),
    receive {spawn_reply, Request, error, badopt} -> ok end;
do(call, Node) ->
    %% As gen_server:call does it: the answer comes to the alias of the monitor.
    Far = far(Node),
    Monitor = monitor(process, Far, [{alias, reply_demonitor}]),
    Far ! {'$gen_call', {self(), [alias | Monitor]}, {contents}},
    Far ! {alias_reply, Monitor},
    {pong, Node} = {net_adm:ping(Node), Node};
do(rpc, Node) ->
    Node = rpc:call(Node, erlang, node, []),
    {badrpc, _} = rpc:call(Node, erlang, error, [oops]);
do(terms, Node) -> [{traffic, Node} ! Term || Term <- terms()];
do(atoms_few, Node) -> {traffic, Node} ! [few(N) || N <- lists:seq(1, 10)];
do(atoms_again, Node) ->
    [{traffic, Node} ! [few(N) || N <- lists:seq(1, K)] || K <- [10, 9, 1, 0, 5]];
do({atoms, Count}, Node) -> {traffic, Node} ! [atom("m", N) || N <- lists:seq(1, Count)];
do(atoms_evicted, Node) ->
    [{traffic, Node} ! [atom("e", N) || N <- lists:seq(K * 100, K * 100 + 99)]
        || K <- lists:seq(0, 24) ++ [0, 7, 24]];
do(atoms_latin1, Node) -> {traffic, Node} ! [list_to_atom([16#e4, 16#f6, N]) || N <- "abc"];
do(atoms_utf8, Node) -> {traffic, Node} ! [list_to_atom([16#3b1, 16#1f600, N]) || N <- "abc"];
do({atoms_long, Count}, Node) ->
    %% 255 characters of four bytes are the longest there are.
    Long = [list_to_atom([N | lists:duplicate(254, 16#1f600)])
        || N <- lists:seq($a, $a + Count - 1)],
    {traffic, Node} ! Long,
    {traffic, Node} ! [short | Long],
    {traffic, Node} ! list_to_atom([Count | lists:duplicate(254, $y)]);
do({large, Size}, Node) -> far(Node) ! large(Size);
do(large_list, Node) -> far(Node) ! lists:duplicate(30000, 7) ++ lists:duplicate(30000, 1000);
do(large_with_atoms, Node) ->
    far(Node) ! {[atom("l", N) || N <- lists:seq(1, 20)], large(200000), atom("l", 21)};
do(large_traced, Node) ->
    seq_trace:set_token(label, 17),
    far(Node) ! large(100000),
    seq_trace:set_token([]);
do(large_reg_send, Node) -> {traffic, Node} ! large(100000);
do(large_alias_send, Node) -> alias_of(far(Node), [explicit_unalias]) ! large(100000);
do(large_exit, Node) -> linked_far(far(Node), large(200000));
do(large_exit2, Node) ->
    Far = far(Node),
    Far ! {trap, self()},
    receive trapping -> ok end,
    exit(Far, large(200000));
do(large_down, Node) ->
    Far = far(Node),
    Monitor = monitor(process, Far),
    Far ! {die, large(200000)},
    receive {'DOWN', Monitor, process, Far, _} -> ok end;
do(large_spawn, Node) ->
    process_flag(trap_exit, true),
    Request = spawn_request(Node, ?MODULE, fails, [large(200000)], [link, monitor]),
    receive {spawn_reply, Request, ok, _} -> ok end,
    receive {'DOWN', Request, process, _, _} -> ok end;
do(interleaved, Node) ->
    Far = far(Node),
    Senders = [spawn_monitor(fun() -> [Far ! {K, large(4000000)} || _ <- [1, 2]] end)
        || K <- [1, 2, 3]],
    %% Small ones pass between the pieces of the large.
    [{traffic, Node} ! N || N <- lists:seq(1, 20)],
    [receive {'DOWN', Monitor, process, Pid, _} -> ok end || {Pid, Monitor} <- Senders];
do(tick, _) -> timer:sleep(2500);
%% From OTP 28 on; called so that older compilers have nothing to say about it.
do(priority_send, Node) ->
    Alias = alias_of(far(Node), [explicit_unalias, priority]),
    apply(erlang, send, [Alias, urgent, [priority]]),
    apply(erlang, send, [Alias, not_urgent, []]);
do(priority_exit, Node) ->
    Far = far(Node),
    Far ! {trap, self()},
    receive trapping -> ok end,
    Alias = alias_of(Far, [explicit_unalias, priority]),
    apply(erlang, exit, [Alias, urgent, [priority]]),
    apply(erlang, exit, [Alias, not_urgent, []]);
do(priority_large, Node) ->
    Alias = alias_of(far(Node), [explicit_unalias, priority]),
    apply(erlang, send, [Alias, large(200000), [priority]]);
do(priority_monitor, Node) ->
    Far = far(Node),
    Monitor = apply(erlang, monitor, [process, Far, [priority]]),
    Far ! {die, urgent},
    receive {'DOWN', Monitor, process, Far, urgent} -> ok end;
%% Native records: `#item{sku = <<"a-1">>, qty = 2}` of the module `recs`, and one inside another.
do(records, Node) ->
    [{traffic, Node} ! binary_to_term(binary:decode_hex(Hex)) || Hex <- [
        <<"8343000000030177047265637377046974656D7703736B75770371747977046E6F7465"
          "6D00000003612D31610277036E696C">>,
        <<"834300000000017704726563737705656D707479">>,
        <<"836803610143000000030177047265637377046974656D7703736B75770371747977046E"
          "6F746543000000030177047265637377046974656D7703736B75770371747977046E6F74"
          "65610161017703"
          "6E696C610177036E696C6B000102">>]].

%% A process that is linked to Far and ends for that reason; Far hears of it and lives.
linked_far(Far, Reason) ->
    Far ! {trap, self()},
    receive trapping -> ok end,
    Token = seq_trace:get_token(),
    {Pid, Monitor} = spawn_monitor(fun() ->
        link(Far),
        Token =:= [] orelse seq_trace:set_token(label, 17),
        exit(Reason)
    end),
    receive {'DOWN', Monitor, process, Pid, _} -> ok end.

few(N) -> atom("f", N).

atom(Prefix, N) -> list_to_atom(Prefix ++ integer_to_list(N)).

%% Compresses well, for the recording is kept.
large(Size) -> binary:copy(<<$x>>, Size).

terms() ->
    [0, 255, -1, 1 bsl 40, -(1 bsl 63), 1 bsl 2100, 1.5, -0.0, <<>>, <<"text">>, <<5:3>>, [], "abc",
     [1, 300], [a | b], {}, {1, {2}}, #{}, #{a => 1, "k" => [x]}, self(), make_ref(),
     hd(erlang:ports()), fun lists:map/2, fun(X) -> X end, true, '', list_to_tuple(lists:seq(1, 300)),
     lists:duplicate(70000, $y)].
