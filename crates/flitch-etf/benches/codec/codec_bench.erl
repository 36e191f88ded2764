%% The BEAM's side of the bench: decodes and encodes what it is told to, and says how long it took.
-module(codec_bench).
-export([main/1]).

main([Port]) ->
    Options = [binary, {packet, 4}, {active, false}, {nodelay, true}],
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, list_to_integer(Port), Options),
    ok = gen_tcp:send(Socket, erlang:system_info(otp_release)),
    loop(Socket, <<>>).

loop(Socket, Bytes) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, <<"load", New/binary>>} ->
            ok = gen_tcp:send(Socket, encode(binary_to_term(New))),
            loop(Socket, binary:copy(New));
        {ok, <<"decode", Times:32>>} ->
            timed(Socket, fun() -> decode_times(Times, Bytes) end),
            loop(Socket, Bytes);
        {ok, <<"encode", Times:32>>} ->
            Term = binary_to_term(Bytes),
            timed(Socket, fun() -> encode_times(Times, Term) end),
            loop(Socket, Bytes);
        {error, closed} ->
            halt(0)
    end.

%% A process of its own each time: its heap starts as any other's, and its garbage is its own.
timed(Socket, Work) ->
    {Pid, Monitor} = spawn_monitor(fun() ->
        Start = erlang:monotonic_time(nanosecond),
        Work(),
        exit({took, erlang:monotonic_time(nanosecond) - Start})
    end),
    receive
        {'DOWN', Monitor, process, Pid, {took, Nanoseconds}} ->
            ok = gen_tcp:send(Socket, <<Nanoseconds:64>>)
    end.

decode_times(0, _) -> ok;
decode_times(Times, Bytes) ->
    binary_to_term(Bytes),
    decode_times(Times - 1, Bytes).

encode_times(0, _) -> ok;
encode_times(Times, Term) ->
    encode(Term),
    encode_times(Times - 1, Term).

encode(Term) -> term_to_binary(Term, [{minor_version, 2}]).
