defmodule ExCluster.Poll do
  @moduledoc """
  The loop that libcluster's polling strategies share: ask who should be there, drop who was there
  before and is no longer, dial the others, wait.

  What libcluster does with failures is kept, for it is what a Rust worker has to live beside: a
  look-up that fails counts as an empty answer where it does so there, and then peers are dropped.
  """
  use GenServer
  alias ExCluster.Peers

  @doc "The peers that should be there; `previous` is what the last look-up led to."
  @callback nodes(topology :: atom, config :: keyword, previous :: MapSet.t()) :: Enumerable.t()

  @doc "Milliseconds from one look-up to the next."
  @callback interval(config :: keyword) :: non_neg_integer | :infinity

  def start_link(topology, strategy, config) do
    GenServer.start_link(__MODULE__, {topology, strategy, config})
  end

  @impl true
  def init({topology, strategy, config}) do
    state = %{topology: topology, strategy: strategy, config: config, known: MapSet.new()}
    {:ok, state, {:continue, :load}}
  end

  @impl true
  def handle_continue(:load, state), do: {:noreply, load(state)}

  @impl true
  def handle_info(:load, state), do: {:noreply, load(state)}
  def handle_info(_, state), do: {:noreply, state}

  defp load(%{topology: topology, strategy: strategy, config: config, known: known} = state) do
    found = MapSet.new(strategy.nodes(topology, config, known))
    Peers.disconnect(topology, MapSet.difference(known, found))
    failed = Peers.connect(topology, found)

    case strategy.interval(config) do
      :infinity -> :ok
      milliseconds -> Process.send_after(self(), :load, milliseconds)
    end

    %{state | known: MapSet.difference(found, failed)}
  end
end
