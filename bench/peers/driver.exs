# What a BEAM measures of a node that has the server `bench`, in nanoseconds. Every peer keeps one contract:
#
#     {:"$gen_call", {pid, tag}, {:echo, term}}   is answered with {tag, term}
#     {:echo, pid, term}                          sends term to pid
#     {:flood, pid, count, term}                  sends term to pid, count times
#     {:"$gen_cast", _}                           is taken, and that is all
defmodule Echo do
  use GenServer
  def init(_), do: {:ok, nil}
  def handle_call({:echo, term}, _, state), do: {:reply, term, state}
  def handle_cast(_, state), do: {:noreply, state}

  def handle_info({:echo, pid, term}, state) do
    send(pid, term)
    {:noreply, state}
  end

  def handle_info({:flood, pid, count, term}, state) do
    for _ <- 1..count//1, do: send(pid, term)
    {:noreply, state}
  end
end

defmodule Measure do
  @job %{
    id: "a-4711",
    queue: :mail,
    args: %{"to" => "someone@example.org", "template" => "welcome", "try" => 3},
    at: 1_764_000_000_123,
    tags: [:new, :retry]
  }

  defp payload("small"), do: {:add, :some_atom, 1}
  defp payload("job-like"), do: @job
  defp payload("1 kB"), do: :binary.copy(<<1>>, 1_000)
  defp payload("64 kB"), do: :binary.copy(<<1>>, 65_536)
  defp payload("8 MB"), do: :binary.copy(<<1>>, 8_000_000)
  defp payload("100 structs"), do: for(n <- 1..100, do: Map.put(@job, :__struct__, Shop.Job) |> Map.put(:id, "a-#{n}"))

  # There and back, one after the other: a raw message, or a call.
  def message(node, what, count), do: percentiles(there_and_back(node, payload(what), count, &echo/2))
  def call(node, what, count), do: percentiles(there_and_back(node, payload(what), count, &call_echo/2))

  defp there_and_back(node, term, count, ask) do
    ask.(node, term)
    for _ <- 1..count, do: timed(fn -> ask.(node, term) end)
  end

  defp echo(node, term) do
    send({:bench, node}, {:echo, self(), term})
    receive do: (^term -> :ok)
  end

  defp call_echo(node, term), do: GenServer.call({:bench, node}, {:echo, term}, 60_000)

  # One starts each `interval`, whether or not the one before is back: its time counts from when it should have started.
  def open_loop(node, interval, count) do
    start = now() + 1_000_000
    percentiles(open(node, start, interval, 0, count, []))
  end

  defp open(_, _, _, sent, count, times) when length(times) == count and sent == count, do: times

  defp open(node, start, interval, sent, count, times) do
    due = start + sent * interval

    if sent < count and now() >= due do
      send({:bench, node}, {:echo, self(), {:due, due}})
      open(node, start, interval, sent + 1, count, times)
    else
      receive do
        {:due, due} -> open(node, start, interval, sent, count, [now() - due | times])
      after
        0 -> open(node, start, interval, sent, count, times)
      end
    end
  end

  # From the first until the last has been taken, a message.
  def flood_in(node, what, count) do
    term = payload(what)

    whole(count, fn ->
      for _ <- 1..count, do: GenServer.cast({:bench, node}, term)
      call_echo(node, :done)
    end)
  end

  def flood_out(node, what, count) do
    term = payload(what)
    work = fn ->
      send({:bench, node}, {:flood, self(), count, term})
      for _ <- 1..count, do: receive(do: (^term -> :ok))
    end
    # The heap has grown before it counts.
    whole(count, fn -> Task.await(Task.async(work), 60_000) end)
  end

  def callers(node, callers, each) do
    work = fn -> for _ <- 1..each, do: call_echo(node, {:ok, 1}) end
    whole(callers * each, fn -> 1..callers |> Enum.map(fn _ -> Task.async(work) end) |> Task.await_many(120_000) end)
  end

  # Messages there and back while another process sends 200 MB.
  def beside_200_mb(node) do
    big = payload("8 MB")

    sender =
      Task.async(fn ->
        for _ <- 1..25, do: GenServer.cast({:bench, node}, big)
        call_echo(node, :done)
      end)

    percentiles(until_done(node, sender, []))
  end

  defp until_done(node, sender, times) do
    times = [timed(fn -> call_echo(node, :ping) end) | times]
    if Task.yield(sender, 0), do: times, else: until_done(node, sender, times)
  end

  def connect(node, count) do
    :net_kernel.monitor_nodes(true, node_type: :all)
    Node.disconnect(node)
    receive do: ({:nodedown, ^node, _} -> :ok), after: (200 -> :ok)

    times =
      for _ <- 1..count do
        time = timed(fn -> true = Node.connect(node) end)
        receive do: ({:nodeup, ^node, _} -> :ok)
        Node.disconnect(node)
        receive do: ({:nodedown, ^node, _} -> :ok)
        time
      end

    :net_kernel.monitor_nodes(false, node_type: :all)
    percentiles(times)
  end

  # Median, 99 %, 99.9 %, and the longest.
  defp percentiles(times) do
    sorted = times |> Enum.sort() |> List.to_tuple()
    size = tuple_size(sorted)
    at = fn share -> elem(sorted, min(size - 1, floor(size * share))) end
    [at.(0.5), at.(0.99), at.(0.999), elem(sorted, size - 1)]
  end

  defp whole(count, work), do: [div(timed(work), count)]

  defp timed(work) do
    start = now()
    work.()
    now() - start
  end

  defp now, do: System.monotonic_time(:nanosecond)
end
