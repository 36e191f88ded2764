%% Load on one node of `make chaos`: a server that a node of ours calls, and callers, monitors and
%% links that hang on a server of ours. What comes of each is counted; what must not come is kept.
-module(chaos).
-export([start/2, stop/0]).

%% Callers of {echo, Worker}, and as many watchers as there are fingers on a hand.
start(Worker, Callers) ->
    Starter = self(),
    Control = spawn(fun() ->
        register(chaos, self()),
        register(echo, spawn(fun serve/0)),
        Starter ! {chaos, started},
        control([spawn_monitor(fun() -> Work(Worker, #{}) end)
                 || Work <- [fun call/2 || _ <- lists:seq(1, Callers)] ++
                            [fun watch/2, fun watch/2, fun watch/2, fun link_to/2, fun link_to/2]])
    end),
    receive {chaos, started} -> is_pid(Control) after 5000 -> timeout end.

%% {Answers, Losses, What must not have come}
stop() ->
    chaos ! {stop, self()},
    receive {chaos, Counts} ->
        Untrue = maps:to_list(maps:without([answers, losses], Counts)),
        {maps:get(answers, Counts, 0), maps:get(losses, Counts, 0), Untrue}
    after 120000 -> timeout end.

control(Work) ->
    receive {stop, From} ->
        [Pid ! stop || {Pid, _} <- Work],
        Ends = [receive {'DOWN', Ref, process, Pid, Reason} -> Reason end || {Pid, Ref} <- Work],
        Add = fun(_, One, Other) -> One + Other end,
        Counts = lists:foldl(
            fun({counts, More}, Sum) -> maps:merge_with(Add, Sum, More);
               (Crash, Sum) -> maps:merge_with(Add, Sum, #{{crashed, Crash} => 1})
            end, #{}, Ends),
        From ! {chaos, Counts}
    end.

serve() ->
    receive
        {'$gen_call', From, Request} -> gen:reply(From, Request), serve();
        _ -> serve()
    end.

call(Worker, Counts) ->
    receive stop -> exit({counts, Counts}) after 0 -> ok end,
    Request = {make_ref(), payload(rand:uniform(500))},
    call(Worker, try gen_server:call({echo, Worker}, Request, 60000) of
        Request -> count(answers, Counts);
        _ -> count(answer_of_somebody_else, Counts)
    catch
        exit:{Reason, {gen_server, call, _}} -> loss(Reason, Counts)
    end).

%% A monitor by name goes off once, with a reason that is true.
watch(Worker, Counts) ->
    Ref = monitor(process, {echo, Worker}),
    receive
        {'DOWN', Ref, process, _, Reason} ->
            watch(Worker, loss(Reason, Counts));
        stop ->
            demonitor(Ref, [flush]),
            exit({counts, Counts})
    end.

%% A link to the server's pid, which this one learns by a call.
link_to(Worker, Counts) ->
    process_flag(trap_exit, true),
    try gen_server:call({echo, Worker}, whoami, 60000) of
        Pid ->
            link(Pid),
            receive
                {'EXIT', Pid, Reason} -> link_to(Worker, loss(Reason, Counts));
                stop -> unlink(Pid), exit({counts, Counts})
            end
    catch
        exit:{Reason, {gen_server, call, _}} ->
            receive stop -> exit({counts, Counts}) after 0 -> ok end,
            link_to(Worker, loss(Reason, Counts))
    end.

loss(Reason, Counts) ->
    timer:sleep(20),
    case Reason of
        noconnection -> count(losses, Counts);
        {nodedown, _} -> count(losses, Counts);
        Other -> count({untrue, Other}, Counts)
    end.

count(What, Counts) -> maps:update_with(What, fun(N) -> N + 1 end, 1, Counts).

payload(1) -> binary:copy(<<7>>, 2000000);
payload(N) when N < 10 -> binary:copy(<<7>>, 100000);
payload(N) -> N.
