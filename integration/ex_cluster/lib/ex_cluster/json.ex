defmodule ExCluster.JSON do
  @moduledoc """
  As much of JSON as an answer of the Kubernetes API needs: Elixir has had its own since 1.18 only,
  and this project uses no packages.
  """

  @doc "Reads one value."
  def decode!(text) do
    {value, _rest} = value(skip(text))
    value
  end

  defp value("{" <> rest), do: members(skip(rest), %{})
  defp value("[" <> rest), do: elements(skip(rest), [])
  defp value("\"" <> rest), do: string(rest, [])
  defp value("true" <> rest), do: {true, rest}
  defp value("false" <> rest), do: {false, rest}
  defp value("null" <> rest), do: {nil, rest}

  defp value(text) do
    [digits] = Regex.run(~r/\A-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?/, text, capture: :first)
    rest = binary_part(text, byte_size(digits), byte_size(text) - byte_size(digits))

    case Integer.parse(digits) do
      {whole, ""} -> {whole, rest}
      _ -> {elem(Float.parse(digits), 0), rest}
    end
  end

  defp members("}" <> rest, found), do: {found, rest}
  defp members("," <> rest, found), do: members(skip(rest), found)

  defp members("\"" <> rest, found) do
    {key, rest} = string(rest, [])
    ":" <> rest = skip(rest)
    {value, rest} = value(skip(rest))
    members(skip(rest), Map.put(found, key, value))
  end

  defp elements("]" <> rest, found), do: {Enum.reverse(found), rest}
  defp elements("," <> rest, found), do: elements(skip(rest), found)

  defp elements(text, found) do
    {value, rest} = value(text)
    elements(skip(rest), [value | found])
  end

  defp string("\"" <> rest, found), do: {IO.iodata_to_binary(Enum.reverse(found)), rest}

  defp string(<<"\\u", hex::binary-size(4), rest::binary>>, found) do
    string(rest, [<<String.to_integer(hex, 16)::utf8>> | found])
  end

  defp string(<<"\\", escaped, rest::binary>>, found) do
    plain = %{?b => "\b", ?f => "\f", ?n => "\n", ?r => "\r", ?t => "\t"}
    string(rest, [Map.get(plain, escaped, <<escaped>>) | found])
  end

  defp string(<<byte, rest::binary>>, found), do: string(rest, [byte | found])

  defp skip(<<space, rest::binary>>) when space in ~c" \t\r\n", do: skip(rest)
  defp skip(text), do: text
end
