# Runs inside an Elixir node of a test: evaluates what it is sent and prints framed answers.
#
# A request is a line `NUMBER HEX`, where HEX is the source text; the answer is a line
# `@@NUMBER ok HEX` or `@@NUMBER error HEX`. Bindings and the mailbox live from one request to the
# next, because one process evaluates them all. The end of the input ends the node.
defmodule Driver do
  @inspect [limit: :infinity, printable_limit: :infinity, width: :infinity, pretty: false]

  def start do
    evaluator = self()
    spawn(fn -> read(evaluator) end)
    IO.write("\n@@ready\n")
    loop([])
  end

  defp read(evaluator) do
    case IO.read(:stdio, :line) do
      line when is_binary(line) ->
        [number, hex] = String.split(line)
        send(evaluator, {__MODULE__, number, Base.decode16!(hex)})
        read(evaluator)

      _ ->
        System.halt(0)
    end
  end

  defp loop(binding) do
    receive do
      {__MODULE__, number, source} ->
        {kind, text, binding} = evaluate(source, binding)
        IO.write(["\n@@", number, " ", kind, " ", Base.encode16(text), "\n"])
        loop(binding)
    end
  end

  defp evaluate(source, binding) do
    {value, binding} = Code.eval_string(source, binding)
    {"ok", inspect(value, @inspect), binding}
  catch
    kind, reason -> {"error", Exception.format(kind, reason, __STACKTRACE__), binding}
  end
end

Driver.start()
