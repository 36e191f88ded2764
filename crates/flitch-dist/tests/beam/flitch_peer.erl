%% The other end of tests/live.rs: a node without EPMD that does what it is told, step by step.
%%
%%   erl -name erl@127.0.0.1 -epmd_module flitch_peer -start_epmd false -s flitch_peer
%%
%% Prints its port and its release when it listens. Whoever is connected as 'flitch@127.0.0.1' (creation 0x0badcafe)
%% sends the name of a step to the registered name `peer`.
-module(flitch_peer).
-export([start/0, victim/1]).
-export([start_link/0, register_node/3, register_node/2, address_please/3, port_please/2, names/1,
         listen_port_please/2]).

%% In place of EPMD.

start_link() -> ignore.
register_node(Name, Port) -> register_node(Name, Port, inet).
register_node(_, Port, _) -> persistent_term:put(?MODULE, Port), {ok, 7}.
listen_port_please(_, _) -> {ok, 0}.
address_please(_, _, _) -> {ok, {127,0,0,1}}.
port_please(_, _) -> noport.
names(_) -> {error, address}.

start() ->
    spawn(fun() ->
        register(peer, self()),
        process_flag(trap_exit, true),
        put(leader, group_leader()),
        io:format("~w ~s~n", [persistent_term:get(?MODULE), erlang:system_info(otp_release)]),
        loop()
    end).

loop() ->
    receive
        {step, Step} -> step(Step);
        {echo, To, Term} -> To ! Term;
        {'EXIT', _, noconnection} -> ok
    end,
    group_leader(get(leader), self()),
    loop().

%% What belongs to the node that is connected.

node_ext() -> <<119, 16, "flitch@127.0.0.1">>.
us() -> binary_to_term(<<131, 88, (node_ext())/binary, 1:32, 0:32, 16#0badcafe:32>>).
us_ref() -> binary_to_term(<<131, 90, 3:16, (node_ext())/binary, 16#0badcafe:32, 1:32, 2:32, 3:32>>).

%% The steps.

step(send) -> us() ! hello;
step(reg_send) -> {orders, node(us())} ! hello;
step(alias_send) -> us_ref() ! hello;
step(link) -> link(us());
step(unlink) -> unlink(us());
step(monitor) -> put(monitor, monitor(process, us()));
step(monitor_name) -> put(monitor, monitor(process, {orders, node(us())}));
step(demonitor) -> demonitor(get(monitor), [flush]);
step(exit2) -> exit(us(), bye);
step(exit) -> spawn(fun() -> link(us()), exit(crash) end);
step(group_leader) -> group_leader(self(), us());
step(spawn_request) -> spawn_request(node(us()), orders, list, [1, two], [link, monitor]);
step(spawn_reply) ->
    receive {spawn_reply, _, error, Reason} -> us() ! {refused, Reason} end;
step(alias) ->
    Alias = alias([explicit_unalias]),
    us() ! {alias, Alias},
    receive got_it -> unalias(Alias), us() ! seen end;
step(leader) -> us() ! {leader, group_leader() =:= us()};
step({traced, Step}) ->
    seq_trace:set_token(label, 17),
    step(Step),
    seq_trace:set_token([]);
step(traced_exit) ->
    spawn(fun() -> link(us()), seq_trace:set_token(label, 17), exit(crash) end).

%% A process for the other end to spawn, link to and monitor.
victim(Name) ->
    register(Name, self()),
    receive {die, Reason} -> exit(Reason) end.
