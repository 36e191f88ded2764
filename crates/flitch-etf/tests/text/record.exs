# Writes what this Elixir and its OTP print, for `tests/text_recorded.rs`:
#   elixir tests/text/record.exs > tests/text/recorded/elixir-1.20-otp-29.txt
# A case is the value as a literal, then what each of the printers makes of it.

defmodule Shop.Item do
  # In the order of the names, which is how a node without the module prints them.
  defstruct [:note, :qty, :sku]
end

defmodule Shop.Cart do
  defstruct [:items, :opened, :owner, :total]
end

defmodule Shop.Error do
  defexception [:message]
end

defmodule Recorder do
  @all [limit: :infinity, printable_limit: :infinity, custom_options: [sort_maps: true]]

  def run({text, value}) do
    IO.puts(["==== ", text])
    block("inspect", inspect(value, @all))
    block("~0tp", :io_lib.format("~0ktp", [value]))

    for width <- [80, 40, 20] do
      block("inspect #{width}", inspect(value, [pretty: true, width: width] ++ @all))
      block("~#{width}tp", :io_lib.format("~#{width}ktp", [value]))
    end
  end

  def run(text), do: run({text, elem(Code.eval_string(text), 0)})

  defp block(name, text), do: IO.puts(["-- ", name, "\n", text])

  # A native record, for which Elixir has no literal.
  def record(module, name, fields) do
    names = for {name, _} <- fields, into: <<>>, do: atom(name)
    values = for {_, value} <- fields, into: <<>>, do: bare(value)
    head = <<131, 67, length(fields)::32, 1>>
    :erlang.binary_to_term(head <> atom(module) <> atom(name) <> names <> values)
  end

  defp atom(atom), do: atom |> Atom.to_string() |> then(&<<119, byte_size(&1), &1::binary>>)
  defp bare(value), do: value |> :erlang.term_to_binary() |> binary_part_from(1)
  defp binary_part_from(bytes, at), do: binary_part(bytes, at, byte_size(bytes) - at)
end

point = Recorder.record(:geo, :point, x: 1.5, y: -2)
long = Recorder.record(Shop.Geo, :"a route", from: point, name: "Ada", tags: [:a, {:b, 2}])

[
  ~S|{:ok, "done"}|,
  ~S|{:error, {:badmatch, %{"code" => 404, "reason" => "no such user", "path" => "/users/1"}}}|,
  ~S|%Shop.Item{sku: "a-1", qty: 2, note: nil}|,
  ~S|%Shop.Cart{items: [%Shop.Item{sku: "a-1", qty: 2}, %Shop.Item{sku: "b-7", qty: 1, note: "gift wrap, please"}], opened: ~U[2024-02-29 12:30:00.5Z], owner: :customer_17, total: 1234.5}|,
  ~S|{:add, [%Shop.Item{sku: "a-1", qty: 2}], [timeout: 5000, mode: :strict, on_error: {Shop.Desk, :report, []}]}|,
  ~S|[strategy: :one_for_one, max_restarts: 3, max_seconds: 5, children: [:desk, :stock]]|,
  ~S|%{id: Shop.Desk, start: {Shop.Desk, :start_link, [[name: :desk]]}, type: :worker, restart: :permanent, shutdown: 5000}|,
  ~S|{:noproc, {GenServer, :call, [{:orders, :"worker@10.0.0.7"}, {:contents}, 5000]}}|,
  ~S|[{:gen_server, :call, 3, [file: ~c"gen_server.erl", line: 419]}, {Shop.Desk, :add, 2, [file: ~c"lib/shop/desk.ex", line: 17]}]|,
  ~S|%Shop.Error{message: "no item a-1"}|,
  ~S|[100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700]|,
  ~S|[:alpha, :beta, "gamma", 4, 5.5, nil, true, :"six seven"]|,
  ~S/[1000, 2000 | {:tail, "of the list"}]/,
  ~S|{1, {2, {3, {4, {5, {6, {7, {8, {9, {10}}}}}}}}}}|,
  ~S|[[[[[1, 2], 3000000], 4000000], 5000000], 6000000]|,
  ~S|%{1 => :one, "two" => 2, :three => 3, {4, :four} => [4], [5] => %{five: 5}}|,
  ~S|%{"a longer key than the others have" => "a longer value than the others have", "b" => 2}|,
  ~S|%{a: %{b: %{c: %{d: %{e: "deep down", f: [1, 2, 3]}}}}}|,
  ~S|<<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 200, 201, 202, 203, 204, 205, 206>>|,
  ~S|[data: <<255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245>>, bits: <<1, 2, 3::size(4)>>]|,
  ~S|{:tagged, <<255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243>>, {:more}}|,
  ~S|{MapSet.new([3, 1, 2]), 1..10, 10..1//-3, ~D[2024-02-29], ~T[23:59:59]}|,
  ~S|[~c"abc", ~c"it's", [97, 98, 0], "quo\"te", "line\nbreak", "tab\t"]|,
  ~S|{1.0, -0.5, 1.0e10, 1.0e22, 1.5e-7, 123456789.125, 1180591620717411303424}|,
  ~S|[&String.length/1, &:lists.map/2, &:erlang.+/2]|,
  ~S|[:+, :"a b", :a@b, :ok?, Shop.Item, :Item, :"", nil]|,
  ~S|["a b": 1, if: 2, nil: 3, ok?: 4]|,
  ~S|{:a_rather_long_tag, {:another_long_tag, {:a_third_long_tag, [1, 2, 3], "some text"}}}|,
  ~S|[{:a, 1}, {:b, 2}, {"c", 3}]|,
  ~S|{:reply, [], %{}, {}, "", ~c""}|,
  {~S|#geo:point{x = 1.5,y = -2}|, point},
  {~S|%{at: #geo:point{x = 1.5,y = -2}, by: "Ada"}|, %{at: point, by: "Ada"}},
  {~S|{:route, #'Elixir.Shop.Geo':'a route'{from = #geo:point{x = 1.5,y = -2},name = <<"Ada">>,tags = [a,{b,2}]}}|,
   {:route, long}},
  {~S|[#'Elixir.Shop.Geo':'a route'{from = #geo:point{x = 1.5,y = -2},name = <<"Ada">>,tags = [a,{b,2}]}, 2]|,
   [long, 2]}
]
|> Enum.each(&Recorder.run/1)
