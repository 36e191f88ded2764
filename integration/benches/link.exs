# What `link.rs` measures, from a BEAM: each takes a node with a server `flitch` that echoes, and gives microseconds.
defmodule Shop.Item do
  defstruct [:sku, :qty, :note, :customer, :created_at]
end

defmodule Echo do
  use GenServer
  def init(_), do: {:ok, nil}
  def handle_call({:echo, term}, _, state), do: {:reply, term, state}
  def handle_cast(_, state), do: {:noreply, state}
end

defmodule Measure do
  @items for number <- 1..100,
             do: %{
               __struct__: Shop.Item,
               sku: "sku-#{number}",
               qty: number,
               note: nil,
               customer: :somebody,
               created_at: ~U[2026-01-02 03:04:05Z]
             }

  def run("connect and handshake", node) do
    true = :net_kernel.monitor_nodes(true, node_type: :hidden) in [:ok, true] or true

    each(50, fn ->
      true = Node.connect(node)
      receive do: ({:nodeup, ^node, _} -> :ok)
      {:disconnect, fn -> Node.disconnect(node); receive(do: ({:nodedown, ^node, _} -> :ok)) end}
    end)
  end

  def run("small call", node), do: each(3000, fn -> call(node, :hello) end)
  def run("100 structs", node), do: each(200, fn -> call(node, @items) end)
  def run("8 MB", node), do: (big = :binary.copy(<<1>>, 8_000_000); each(5, fn -> call(node, big) end))

  def run("64 callers", node) do
    work = fn -> for _ <- 1..200, do: call(node, {:ok, 1}) end
    whole(64 * 200, fn -> 1..64 |> Enum.map(fn _ -> Task.async(work) end) |> Task.await_many(60_000) end)
  end

  def run("flood of casts", node) do
    whole(30_000, fn ->
      for _ <- 1..30_000, do: GenServer.cast({:flitch, node}, {:add, :some_atom, self(), [:more]})
      call(node, :done)
    end)
  end

  defp call(node, term), do: GenServer.call({:flitch, node}, {:echo, term}, 60_000)

  # The mean, without what is done in between.
  defp each(count, work) do
    times = for _ <- 1..count do
      start = System.monotonic_time(:nanosecond)
      done = work.()
      time = System.monotonic_time(:nanosecond) - start
      with {:disconnect, undo} <- done, do: undo.()
      time
    end
    Enum.sum(times) / count / 1000
  end

  defp whole(count, work) do
    start = System.monotonic_time(:nanosecond)
    work.()
    (System.monotonic_time(:nanosecond) - start) / count / 1000
  end
end
