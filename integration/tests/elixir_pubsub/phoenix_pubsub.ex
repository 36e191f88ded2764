# Stands in for the library phoenix_pubsub, with the messages and groups that its adapter PG2 has
# since 2.1: a CI that is offline has no package registry. With PHOENIX_PUBSUB_EBIN naming the
# library's compiled files, the same tests run with the library itself.
defmodule Phoenix.PubSub do
  def start(options) do
    name = options[:name]
    {:ok, _} = Application.ensure_all_started(:elixir)
    _ = :pg.start(__MODULE__)
    adapter = Module.concat(name, "Adapter")
    size = options[:pool_size] || 1
    groups = [adapter | for(number <- 2..size//1, do: :"#{adapter}_#{number}")]
    :persistent_term.put(adapter, List.to_tuple(groups))

    spawn(fn ->
      {:ok, _} = Registry.start_link(keys: :duplicate, name: name)
      for group <- groups, do: spawn_link(fn -> enter(name, group) end)
      Process.sleep(:infinity)
    end)

    for group <- groups, do: await(fn -> Process.whereis(group) in :pg.get_members(__MODULE__, group) end)
    :ok
  end

  def subscribe(name, topic) do
    {:ok, _} = Registry.register(name, topic, nil)
    :ok
  end

  def broadcast(name, topic, message) do
    for pid <- :pg.get_members(__MODULE__, group(name)), node(pid) != node() do
      send(pid, {:forward_to_local, topic, message, __MODULE__})
    end

    local_broadcast(name, topic, message)
  end

  def direct_broadcast(node, name, topic, message) do
    send({group(name), node}, {:forward_to_local, topic, message, __MODULE__})
    :ok
  end

  def local_broadcast(name, topic, message) do
    Registry.dispatch(name, topic, fn entries ->
      for {pid, _} <- entries, do: send(pid, message)
    end)
  end

  defp group(name) do
    groups = :persistent_term.get(Module.concat(name, "Adapter"))
    elem(groups, :erlang.phash2(self(), tuple_size(groups)))
  end

  defp enter(name, group) do
    Process.register(self(), group)
    :ok = :pg.join(__MODULE__, group, self())
    forward(name)
  end

  defp forward(name) do
    receive do
      {:forward_to_local, topic, message, dispatcher} ->
        dispatcher.local_broadcast(name, topic, message)
    end

    forward(name)
  end

  defp await(ready) do
    unless ready.() do
      Process.sleep(5)
      await(ready)
    end
  end
end
