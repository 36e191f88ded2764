# Answers one line for each line on standard input, all fields in base 16.
#
#   print WIDTH TERM        -> how this BEAM prints the term: inspect, ~0tp, and both at WIDTH
#   limit ITEMS TERM        -> inspect with a limit
#   make ELIXIR             -> the value of an expression, as term_to_binary in base 16
#   version                 -> the releases of OTP and of Elixir
#   read TERM ELIXIR ERLANG -> whether both texts are read as the term

defmodule Shop.Item do
  # In the order of the names, which is how a node without the module prints them.
  defstruct [:note, :qty, :sku]
end

defmodule Shop.Error do
  defexception [:message]
end

defmodule Answer do
  # Since OTP 26 a map has its keys in the order in which their atoms came to the node.
  @sorted if System.otp_release() >= "26", do: "k", else: ""
  @all [limit: :infinity, printable_limit: :infinity, custom_options: [sort_maps: true]]

  def line(["print", width, hex]) do
    width = String.to_integer(width)
    term = term(hex)

    [
      text_of(inspect(term, @all)),
      :io_lib.format("~0#{@sorted}tp", [term]),
      text_of(inspect(term, [pretty: true, width: width] ++ @all)),
      :io_lib.format("~#{width}#{@sorted}tp", [term])
    ]
  end

  def line(["limit", items, hex]) do
    [inspect(term(hex), limit: String.to_integer(items), custom_options: [sort_maps: true])]
  end

  def line(["version"]), do: [System.otp_release(), System.version()]

  def line(["make", text]) do
    [text |> text() |> elixir() |> :erlang.term_to_binary() |> Base.encode16(case: :lower)]
  end

  def line(["read", hex, elixir, erlang]) do
    term = term(hex)
    [same(term, fn -> elixir(text(elixir)) end), same(term, fn -> erlang(text(erlang)) end)]
  end

  # In a native record, Elixir 1.20 writes what is beyond ASCII as Latin-1.
  defp text_of(printed) do
    if String.valid?(printed), do: printed, else: :unicode.characters_to_binary(printed, :latin1)
  end

  defp same(term, read) do
    case read.() do
      ^term -> "same"
      other -> "read as #{inspect(other, limit: :infinity)}"
    end
  rescue
    error -> Exception.message(error)
  catch
    kind, reason -> inspect({kind, reason})
  end

  defp elixir(text) do
    {value, _} = Code.eval_string(text)
    value
  end

  defp erlang(text) do
    {:ok, tokens, _} = :erl_scan.string(String.to_charlist(text <> " ."))
    {:ok, forms} = :erl_parse.parse_exprs(tokens)
    {:value, value, _} = :erl_eval.exprs(forms, [])
    value
  end

  defp term(hex), do: hex |> text() |> :erlang.binary_to_term()
  defp text(hex), do: Base.decode16!(hex, case: :lower)
end

for line <- IO.stream(:stdio, :line) do
  fields = line |> String.split() |> Answer.line()
  IO.puts(Enum.map_join(fields, " ", &Base.encode16(:unicode.characters_to_binary(&1), case: :lower)))
end
