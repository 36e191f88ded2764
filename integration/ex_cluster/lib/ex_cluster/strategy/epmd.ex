defmodule ExCluster.Strategy.Epmd do
  @moduledoc "`Cluster.Strategy.Epmd`: a list of names, dialled once, or every `timeout` milliseconds."
  @behaviour ExCluster.Poll

  @impl true
  def nodes(_topology, config, _previous), do: Keyword.get(config, :hosts, [])

  @impl true
  def interval(config), do: Keyword.get(config, :timeout, :infinity)
end
