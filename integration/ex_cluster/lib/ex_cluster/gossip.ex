defmodule ExCluster.Gossip do
  @moduledoc """
  `Cluster.Strategy.Gossip`: names in datagrams, by multicast or broadcast.

  A datagram is `heartbeat::` and `term_to_binary(%{node: name})`; under a secret it is an
  initialisation vector of 16 bytes and that text under AES-256-CBC with PKCS#7 padding, the key
  being the secret's SHA-256.
  """
  use GenServer
  alias ExCluster.Peers

  @sol_socket 0xFFFF
  @so_reuseport 0x0200

  def start_link(topology, config), do: GenServer.start_link(__MODULE__, {topology, config})

  @impl true
  def init({topology, config}) do
    port = Keyword.get(config, :port, 45892)
    group = address(Keyword.get(config, :multicast_addr, "233.252.1.32"))
    own = address(Keyword.get(config, :if_addr, "0.0.0.0"))
    reuse = {:raw, @sol_socket, @so_reuseport, <<1::native-32>>}
    options = [:binary, reuse, active: true, ip: own, reuseaddr: true, broadcast: true]
    {:ok, socket} = :gen_udp.open(port, options ++ multicast(config, group))
    secret = Keyword.get(config, :secret)
    state = %{topology: topology, socket: socket, to: {group, port}, secret: secret}
    {:ok, state, {:continue, :heartbeat}}
  end

  @impl true
  def handle_continue(:heartbeat, state), do: handle_info(:heartbeat, state)

  @impl true
  def handle_info(:heartbeat, %{socket: socket, to: {group, port}} = state) do
    :gen_udp.send(socket, group, port, encode(node(), state.secret))
    Process.send_after(self(), :heartbeat, :rand.uniform(5_000))
    {:noreply, state}
  end

  def handle_info({:udp, _socket, _ip, _port, packet}, state) do
    case decode(packet, state.secret) do
      {:ok, peer} when peer != node() -> Peers.connect(state.topology, MapSet.new([peer]))
      _ -> :ok
    end

    {:noreply, state}
  end

  def handle_info(_, state), do: {:noreply, state}

  @doc "The datagram that announces `name`."
  def encode(name, nil), do: "heartbeat::" <> :erlang.term_to_binary(%{node: name})

  def encode(name, secret) do
    vector = :crypto.strong_rand_bytes(16)

    vector <>
      :crypto.crypto_one_time(:aes_256_cbc, key(secret), vector, encode(name, nil), cipher(true))
  end

  @doc "The name that a datagram announces."
  def decode("heartbeat::" <> term, nil) do
    case :erlang.binary_to_term(term) do
      %{node: name} when is_atom(name) -> {:ok, name}
      _ -> :error
    end
  rescue
    ArgumentError -> :error
  end

  def decode(<<vector::binary-size(16), text::binary>>, secret) when is_binary(secret) do
    decode(:crypto.crypto_one_time(:aes_256_cbc, key(secret), vector, text, cipher(false)), nil)
  rescue
    ErlangError -> :error
  end

  def decode(_, _), do: :error

  defp key(secret), do: :crypto.hash(:sha256, secret)
  defp cipher(encrypt), do: [encrypt: encrypt, padding: :pkcs_padding]

  defp multicast(config, group) do
    interface = address(Keyword.get(config, :multicast_if, "0.0.0.0"))

    if Keyword.get(config, :broadcast_only, false),
      do: [],
      else: [multicast_if: interface, add_membership: {group, interface}] ++ multicast(config)
  end

  defp multicast(config) do
    [multicast_ttl: Keyword.get(config, :multicast_ttl, 1), multicast_loop: true]
  end

  defp address(text) do
    {:ok, address} = :inet.parse_ipv4_address(String.to_charlist(text))
    address
  end
end
