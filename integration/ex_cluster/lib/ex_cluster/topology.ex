defmodule ExCluster.Topology do
  @moduledoc """
  Which topologies to run: `LIBCLUSTER_TOPOLOGIES` holds what would stand behind `topologies:` in a
  `config.exs` for libcluster, word for word.

      LIBCLUSTER_TOPOLOGIES='[beams: [
        strategy: Cluster.Strategy.Kubernetes.DNS,
        config: [service: "ex-cluster-svc", application_name: "ex_cluster"]]]'
  """
  alias ExCluster.{Gossip, Poll, Strategy}

  @polled %{
    Cluster.Strategy.Epmd => Strategy.Epmd,
    Cluster.Strategy.DNSPoll => Strategy.DNSPoll,
    Cluster.Strategy.Kubernetes => Strategy.Kubernetes,
    Cluster.Strategy.Kubernetes.DNS => Strategy.KubernetesDNS,
    Cluster.Strategy.Kubernetes.DNSSRV => Strategy.KubernetesDNSSRV
  }

  @doc "The topologies of the environment; none unless it has some."
  def from_env do
    case System.get_env("LIBCLUSTER_TOPOLOGIES", "") |> String.trim() do
      "" ->
        []

      # As trusted as a `config.exs`: whoever sets it starts the node.
      source ->
        {topologies, _} = Code.eval_string(source, [], file: "LIBCLUSTER_TOPOLOGIES")
        topologies
    end
  end

  @doc "A child of a supervisor for each."
  def children(topologies) do
    for {topology, spec} <- topologies do
      config = Keyword.get(spec, :config, [])
      %{id: topology, start: start(Keyword.fetch!(spec, :strategy), topology, config)}
    end
  end

  defp start(Cluster.Strategy.Gossip, topology, config) do
    {Gossip, :start_link, [topology, config]}
  end

  defp start(strategy, topology, config) do
    case @polled do
      %{^strategy => module} ->
        {Poll, :start_link, [topology, module, config]}

      _ ->
        known = Enum.map_join([Cluster.Strategy.Gossip | Map.keys(@polled)], ", ", &inspect/1)
        raise ArgumentError, "#{inspect(strategy)} of #{topology} is none of #{known}"
    end
  end
end
