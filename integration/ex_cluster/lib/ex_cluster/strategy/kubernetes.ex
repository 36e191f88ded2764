defmodule ExCluster.Strategy.Kubernetes do
  @moduledoc """
  `Cluster.Strategy.Kubernetes`: asks the API server for the endpoints or pods under a selector.

  As there: `mode` is `:ip`, `:dns` or `:hostname`; names in the latter two end in
  `kubernetes_cluster_name` and `.local`, whatever `CLUSTER_DOMAIN` says; 403 counts as an empty
  answer, other failures as the last one. Not as there: without the API server's `ca.crt` it does
  not ask at all, and the colons of IPv6 addresses become dashes too.
  """
  @behaviour ExCluster.Poll
  alias ExCluster.{JSON, Peers}

  @account "/var/run/secrets/kubernetes.io/serviceaccount"

  @impl true
  def nodes(topology, config, previous) do
    account = Keyword.get(config, :kubernetes_service_account_path, @account)
    headers = [{~c"authorization", ~c"Bearer #{read(account, "token")}"}]
    authority = String.to_charlist(Path.join(account, "ca.crt"))

    tls = [
      verify: :verify_peer,
      cacertfile: authority,
      customize_hostname_check: [match_fun: :public_key.pkix_verify_hostname_match_fun(:https)]
    ]

    url = String.to_charlist(url(config, account))

    case :httpc.request(:get, {url, headers}, [ssl: tls, timeout: 15_000], body_format: :binary) do
      {:ok, {{_, 200, _}, _, body}} ->
        for found <- addresses(JSON.decode!(body)),
            do: :"#{basename(config)}@#{host(found, config)}"

      {:ok, {{_, 403, _}, _, body}} ->
        message = Map.get(JSON.decode!(body), "message")
        Peers.warn(topology, "cannot query kubernetes (unauthorized): #{message}")
        []

      {:ok, {{_, code, status}, _, body}} ->
        Peers.warn(topology, "cannot query kubernetes (#{code} #{status}): #{inspect(body)}")
        previous

      {:error, reason} ->
        Peers.error(topology, "request to kubernetes failed!: #{inspect(reason)}")
        previous
    end
  end

  @impl true
  def interval(config), do: Keyword.get(config, :polling_interval, 5_000)

  @doc "What is asked of the API server."
  def url(config, account) do
    namespace = Keyword.get(config, :kubernetes_namespace) || read(account, "namespace")
    kind = Keyword.get(config, :kubernetes_ip_lookup_mode, :endpoints)

    cached? = Keyword.get(config, :kubernetes_use_cached_resources, false)
    selector = [labelSelector: Keyword.fetch!(config, :kubernetes_selector)]
    query = if cached?, do: selector ++ [resourceVersion: 0], else: selector
    master = Keyword.get(config, :kubernetes_master, "kubernetes.default.svc")
    domain = System.get_env("CLUSTER_DOMAIN", "#{cluster(config)}.local")
    whole? = String.ends_with?(master, domain) or String.ends_with?(master, ".")
    host = if whole?, do: master, else: "#{master}.#{domain}"
    "https://#{host}/api/v1/namespaces/#{namespace}/#{kind}?#{URI.encode_query(query, :rfc3986)}"
  end

  @doc "The addresses in a list of Endpoints or of Pods."
  def addresses(%{"items" => items}) when is_list(items), do: Enum.flat_map(items, &of_item/1)
  def addresses(_), do: []

  @doc "The part of the name after the `@`."
  def host(%{ip: ip} = found, config) do
    case Keyword.get(config, :mode, :ip) do
      :ip ->
        ip

      :dns ->
        "#{String.replace(ip, [".", ":"], "-")}.#{found.namespace}.pod.#{cluster(config)}.local"

      :hostname ->
        service = Keyword.get(config, :kubernetes_service_name)
        "#{found.hostname}.#{service}.#{found.namespace}.svc.#{cluster(config)}.local"
    end
  end

  defp of_item(%{"subsets" => subsets}) when is_list(subsets) do
    for %{"addresses" => addresses} <- subsets,
        %{"ip" => ip, "targetRef" => %{"namespace" => namespace}} = address <- addresses do
      %{ip: ip, namespace: namespace, hostname: address["hostname"]}
    end
  end

  defp of_item(%{"status" => %{"podIP" => ip}, "metadata" => meta, "spec" => spec}) do
    [%{ip: ip, namespace: meta["namespace"], hostname: spec["hostname"]}]
  end

  defp of_item(_), do: []

  defp basename(config), do: Keyword.fetch!(config, :kubernetes_node_basename)
  defp cluster(config), do: Keyword.get(config, :kubernetes_cluster_name, "cluster")
  defp read(account, file), do: account |> Path.join(file) |> File.read!() |> String.trim()
end
