defmodule ExCluster.Observe do
  @moduledoc """
  Logs `Node.list` whenever it changes, hidden nodes apart from the others, and tells whoever calls:

      GenServer.call(ExCluster.Observe, :nodes)
      #=> %{visible: [:"ex_cluster@10.0.0.5"], hidden: [:"worker@10.0.0.7"]}
  """
  use GenServer
  require Logger

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    :ok = :net_kernel.monitor_nodes(true, node_type: :all)
    {:ok, log(%{visible: nil, hidden: nil})}
  end

  @impl true
  def handle_call(:nodes, _from, seen), do: {:reply, nodes(), seen}

  @impl true
  def handle_info({change, _node, _info}, seen) when change in [:nodeup, :nodedown] do
    {:noreply, log(seen)}
  end

  def handle_info(_, seen), do: {:noreply, seen}

  defp log(seen) do
    now = nodes()

    if now != seen do
      Logger.info("#{node()} sees #{inspect(now.visible)}, hidden #{inspect(now.hidden)}")
    end

    now
  end

  defp nodes, do: %{visible: Enum.sort(Node.list()), hidden: Enum.sort(Node.list(:hidden))}
end
