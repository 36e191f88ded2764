%% Runs inside an Erlang node of a test: evaluates what it is sent and prints framed answers.
%%
%% The protocol is that of driver.exs.
-module(driver).
-export([start/0]).

start() ->
    Evaluator = self(),
    spawn(fun() -> read(Evaluator) end),
    io:put_chars("\n@@ready\n"),
    loop(erl_eval:new_bindings()).

read(Evaluator) ->
    case io:get_line("") of
        Line when is_list(Line) ->
            [Number, Hex] = string:lexemes(Line, " \n"),
            Evaluator ! {?MODULE, Number, binary:decode_hex(list_to_binary(Hex))},
            read(Evaluator);
        _ ->
            halt(0)
    end.

loop(Bindings) ->
    receive
        {?MODULE, Number, Source} ->
            {Kind, Text, Next} = evaluate(Source, Bindings),
            Hex = binary:encode_hex(unicode:characters_to_binary(Text)),
            io:put_chars(["\n@@", Number, " ", Kind, " ", Hex, "\n"]),
            loop(Next)
    end.

evaluate(Source, Bindings) ->
    try
        {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list([Source, "."])),
        {ok, Expressions} = erl_parse:parse_exprs(Tokens),
        {value, Value, Next} = erl_eval:exprs(Expressions, Bindings),
        {"ok", io_lib:format("~0tp", [Value]), Next}
    catch
        Class:Reason:Stack ->
            {"error", io_lib:format("~tp: ~tp~n~tp", [Class, Reason, Stack]), Bindings}
    end.
