# Heartbeats as libcluster's Gossip sends and takes them, on loopback, for the tests.
#
# A heartbeat is `heartbeat::` and a term, `%{node: name}`; with a secret, 16 bytes by chance and
# then AES-256-CBC of it with PKCS#7, under the SHA-256 of the secret.
defmodule Gossip do
  @group {233, 252, 1, 32}
  @here {127, 0, 0, 1}

  # Sends heartbeats of this node, and remembers whose come.
  def start(port, secret) do
    owner = self()

    spawn_link(fn ->
      {:ok, socket} = :gen_udp.open(port, options())
      Process.register(self(), __MODULE__)
      send(owner, :started)
      send(self(), :beat)
      loop(%{socket: socket, port: port, secret: secret, heard: MapSet.new()})
    end)

    receive(do: (:started -> :ok))
  end

  def heard do
    send(__MODULE__, {:heard, self()})
    receive(do: ({:heard, names} -> names))
  end

  # Any bytes, from this node to the others.
  def throw_at_them(bytes) do
    send(__MODULE__, {:throw, bytes})
    :ok
  end

  defp options do
    [:binary, active: true, ip: {0, 0, 0, 0}, reuseaddr: true, multicast_ttl: 1] ++
      [multicast_loop: true, multicast_if: @here, add_membership: {@group, @here}]
  end

  defp loop(state) do
    receive do
      :beat ->
        Process.send_after(self(), :beat, 200)
        plain = "heartbeat::" <> :erlang.term_to_binary(%{node: node()})
        throw_bytes(state, seal(plain, state.secret))
        loop(state)

      {:throw, bytes} ->
        throw_bytes(state, bytes)
        loop(state)

      {:heard, from} ->
        send(from, {:heard, state.heard |> MapSet.delete(node()) |> Enum.sort()})
        loop(state)

      {:udp, _, _, _, bytes} ->
        case heartbeat(open(bytes, state.secret)) do
          %{node: name} when is_atom(name) -> loop(%{state | heard: MapSet.put(state.heard, name)})
          _ -> loop(state)
        end
    end
  end

  defp heartbeat("heartbeat::" <> term) do
    :erlang.binary_to_term(term)
  rescue
    # What this node throws comes back to it as well.
    ArgumentError -> :garbage
  end

  defp heartbeat(_), do: :garbage

  defp throw_bytes(state, bytes), do: :ok = :gen_udp.send(state.socket, @group, state.port, bytes)

  defp seal(plain, nil), do: plain

  defp seal(plain, secret) do
    iv = :crypto.strong_rand_bytes(16)
    missing = 16 - rem(byte_size(plain), 16)
    padded = plain <> :binary.copy(<<missing>>, missing)
    iv <> :crypto.crypto_one_time(:aes_256_cbc, key(secret), iv, padded, true)
  end

  defp open(bytes, nil), do: bytes

  defp open(<<iv::binary-size(16), sealed::binary>>, secret) when rem(byte_size(sealed), 16) == 0 do
    padded = :crypto.crypto_one_time(:aes_256_cbc, key(secret), iv, sealed, false)
    binary_part(padded, 0, byte_size(padded) - :binary.last(padded))
  end

  defp open(_, _), do: :stranger

  defp key(secret), do: :crypto.hash(:sha256, secret)
end
