defmodule ExCluster.Peers do
  @moduledoc """
  Connects and disconnects as libcluster does, in its words: only who is not connected is dialled,
  one after the other, and each attempt is logged.
  """
  require Logger

  @doc "Dials those who are not connected; gives those for whom it failed."
  def connect(topology, nodes) do
    missing = MapSet.difference(nodes, MapSet.new([node() | connected()]))

    for peer <- missing, not connected?(topology, peer), into: MapSet.new(), do: peer
  end

  @doc "Drops those who are connected."
  def disconnect(topology, nodes) do
    for peer <- MapSet.intersection(nodes, MapSet.new(connected())) do
      :erlang.disconnect_node(peer)
      info(topology, "disconnected from #{inspect(peer)}")
    end

    :ok
  end

  def info(topology, text), do: Logger.info("[libcluster:#{topology}] #{text}")
  def warn(topology, text), do: Logger.warning("[libcluster:#{topology}] #{text}")
  def error(topology, text), do: Logger.error("[libcluster:#{topology}] #{text}")

  # Hidden ones too: a worker that dialled us is not dialled again.
  defp connected, do: :erlang.nodes(:connected)

  defp connected?(topology, peer) do
    case :net_kernel.connect_node(peer) do
      true ->
        info(topology, "connected to #{inspect(peer)}")
        true

      false ->
        warn(topology, "unable to connect to #{inspect(peer)}")
        false

      :ignored ->
        warn(topology, "unable to connect to #{inspect(peer)}: not part of network")
        false
    end
  end
end
