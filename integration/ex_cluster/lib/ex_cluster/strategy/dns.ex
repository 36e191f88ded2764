defmodule ExCluster.Strategy.DNSPoll do
  @moduledoc "`Cluster.Strategy.DNSPoll`: a node at each address (A and AAAA) that `query` has."
  @behaviour ExCluster.Poll

  @impl true
  def nodes(_topology, config, _previous) do
    query = config |> Keyword.fetch!(:query) |> String.to_charlist()
    basename = Keyword.fetch!(config, :node_basename)

    for type <- [:a, :aaaa], address <- :inet_res.lookup(query, :in, type) do
      :"#{basename}@#{:inet.ntoa(address)}"
    end
  end

  @impl true
  def interval(config), do: Keyword.get(config, :polling_interval, 5_000)
end

defmodule ExCluster.Strategy.KubernetesDNS do
  @moduledoc """
  `Cluster.Strategy.Kubernetes.DNS`: a node at each address of a headless service.

  As there, only A records are asked for, so it finds nobody in a cluster of IPv6 alone: `DNSPoll`
  does.
  """
  @behaviour ExCluster.Poll
  alias ExCluster.Peers

  @impl true
  def nodes(topology, config, _previous) do
    service = Keyword.fetch!(config, :service)
    basename = Keyword.fetch!(config, :application_name)

    case :inet_res.getbyname(String.to_charlist(service), :a) do
      {:ok, {:hostent, _name, _aliases, :inet, _length, addresses}} ->
        for address <- addresses, do: :"#{basename}@#{:inet.ntoa(address)}"

      {:error, reason} ->
        Peers.error(topology, "lookup against #{service} failed: #{inspect(reason)}")
        []
    end
  end

  @impl true
  def interval(config), do: Keyword.get(config, :polling_interval, 5_000)
end

defmodule ExCluster.Strategy.KubernetesDNSSRV do
  @moduledoc "`Cluster.Strategy.Kubernetes.DNSSRV`: a node at each host that a StatefulSet's service has."
  @behaviour ExCluster.Poll
  alias ExCluster.Peers

  @impl true
  def nodes(topology, config, _previous) do
    service = Keyword.fetch!(config, :service)
    basename = Keyword.fetch!(config, :application_name)
    namespace = Keyword.fetch!(config, :namespace)
    domain = System.get_env("CLUSTER_DOMAIN", "cluster.local.")
    path = "#{service}.#{namespace}.svc.#{domain}"

    case :inet_res.getbyname(String.to_charlist(path), :srv) do
      {:ok, {:hostent, _name, _aliases, :srv, _count, targets}} ->
        for {_priority, _weight, _port, host} <- targets, do: :"#{basename}@#{host}"

      {:error, reason} ->
        Peers.error(topology, "#{path}: lookup against #{service} failed: #{inspect(reason)}")
        []
    end
  end

  @impl true
  def interval(config), do: Keyword.get(config, :polling_interval, 5_000)
end
