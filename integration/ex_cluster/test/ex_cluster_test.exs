defmodule ExClusterTest do
  use ExUnit.Case, async: true
  alias ExCluster.{Gossip, JSON, Strategy, Topology}

  @endpoints ~S"""
  {"kind":"EndpointsList","items":[
    {"metadata":{"name":"a \"b\" <\n"},"subsets":[
      {"addresses":[
        {"ip":"10.0.0.5","hostname":"ex-0","targetRef":{"kind":"Pod","namespace":"shop"}},
        {"ip":"10.0.0.6"}],
       "notReadyAddresses":[{"ip":"10.0.0.7","targetRef":{"namespace":"shop"}}],
       "ports":[{"port":4369,"weight":-1.5e2}]}]},
    {"metadata":{"name":"empty"}},
    {"metadata":{"namespace":"shop"},"spec":{"hostname":null},"status":{"podIP":"fd00::5"}}
  ]}
  """

  test "addresses with a pod behind them are found in endpoints and pods" do
    assert [%{ip: "10.0.0.5"} = first, %{ip: "fd00::5"} = second] =
             Strategy.Kubernetes.addresses(JSON.decode!(@endpoints))

    assert Strategy.Kubernetes.host(first, []) == "10.0.0.5"
    assert Strategy.Kubernetes.host(first, mode: :dns) == "10-0-0-5.shop.pod.cluster.local"
    assert Strategy.Kubernetes.host(second, mode: :dns) == "fd00--5.shop.pod.cluster.local"
    config = [mode: :hostname, kubernetes_service_name: "ex", kubernetes_cluster_name: "eu"]
    assert Strategy.Kubernetes.host(first, config) == "ex-0.ex.shop.svc.eu.local"
  end

  test "a JSON text is read whole" do
    assert %{"items" => [%{"metadata" => %{"name" => "a \"b\" <\n"}, "subsets" => [subset]} | _]} =
             JSON.decode!(@endpoints)

    assert subset["ports"] == [%{"port" => 4369, "weight" => -150.0}]

    assert JSON.decode!(~S( [true, false, null, {}, "\u00e9\/", 0] )) == [
             true,
             false,
             nil,
             %{},
             "é/",
             0
           ]
  end

  test "the API server is asked as libcluster asks it" do
    config = [kubernetes_namespace: "shop", kubernetes_selector: "app=ex cluster"]
    pods = [kubernetes_ip_lookup_mode: :pods, kubernetes_use_cached_resources: true]
    base = "https://kubernetes.default.svc.cluster.local/api/v1/namespaces/shop"

    assert Strategy.Kubernetes.url(config, "") ==
             "#{base}/endpoints?labelSelector=app%3Dex%20cluster"

    assert Strategy.Kubernetes.url(config ++ pods, "") ==
             "#{base}/pods?labelSelector=app%3Dex%20cluster&resourceVersion=0"
  end

  test "a heartbeat is understood by those who have the secret, and rubbish by nobody" do
    name = :"a@10.0.0.5"
    assert Gossip.decode(Gossip.encode(name, nil), nil) == {:ok, name}
    assert Gossip.decode(Gossip.encode(name, "s"), "s") == {:ok, name}
    assert Gossip.decode(Gossip.encode(name, nil), "s") == :error
    assert Gossip.decode(Gossip.encode(name, "s"), nil) == :error
    assert Gossip.decode("heartbeat::rubbish", nil) == :error
    assert Gossip.decode("", "s") == :error
  end

  test "a topology is what stands in a config.exs, and a strategy that is not known is named" do
    topologies = [
      beams: [strategy: Cluster.Strategy.Epmd, config: [hosts: [:"a@127.0.0.1"]]],
      lan: [strategy: Cluster.Strategy.Gossip]
    ]

    assert [%{id: :beams}, %{id: :lan}] = Topology.children(topologies)
    unknown = [beams: [strategy: Cluster.Strategy.Pigeon]]
    error = assert_raise ArgumentError, fn -> Topology.children(unknown) end
    assert error.message =~ "Cluster.Strategy.Pigeon of beams is none of"
  end
end
