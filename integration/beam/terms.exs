# Every kind of term that a BEAM can send, each under a label. A test echoes them and compares.
deep = fn wrap, depth -> Enum.reduce(1..depth, :bottom, fn _, inner -> wrap.(inner) end) end
other = fn tag, id -> :erlang.binary_to_term(<<131, tag>> <> id) end
elsewhere = <<119, 7, "z@other">>
captured = {:captured, 1, "two"}

[
  # Integers: around each size that has a tag or a sign of its own.
  small: [0, 1, 255, 256, -1, -256],
  around_i32: [2_147_483_647, 2_147_483_648, -2_147_483_648, -2_147_483_649],
  around_i64: [2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1, 2 ** 64, -(2 ** 63), -(2 ** 63) - 1],
  small_big: [2 ** 2039, -(2 ** 2039), 2 ** 2040 - 1, -(2 ** 2040) + 1],
  large_big: [2 ** 2040, -(2 ** 2040), 2 ** 100_000 + 1],
  # Floats.
  floats: [0.0, 1.0, -1.5, 0.1, 1.0e308, -2.2250738585072014e-308, 5.0e-324],
  minus_zero: -0.0,
  # Atoms.
  atoms: [:a, nil, true, false, :"", :"with space", :"Elixir.Some.Module", Kernel, :"@", :"\n"],
  atom_latin: :"\u00E9\u00FC",
  atom_utf8: :"\u65E5\u672C\u{1F600}",
  atom_255_ascii: String.to_atom(String.duplicate("x", 255)),
  atom_255_of_four_bytes: String.to_atom(String.duplicate("\u{1F600}", 255)),
  many_atoms: for(n <- 1..300, do: String.to_atom("kind_#{n}")),
  # Lists.
  empty_list: [],
  charlist: ~c"hello",
  bytes: Enum.to_list(0..255),
  charlist_65535: List.duplicate(?x, 65_535),
  charlist_65536: List.duplicate(?x, 65_536),
  charlist_unicode: ~c"h\u00E9llo \u65E5",
  negative_in_list: [-1, 2],
  byte_and_more: [1, 256],
  improper: [1 | 2],
  improper_long: [:a, "b", {3} | :tail],
  improper_bytes: [1, 2, 3 | 4],
  improper_map_tail: [1 | %{a: 1}],
  keyword: [a: 1, b: [c: 2]],
  iodata: ["a", [?b | "c"], ~c"d"],
  # Tuples.
  tuples: [{}, {1}, {1, {2, {3}}}, {:ok, {:error, nil}}],
  tuple_255: List.to_tuple(Enum.to_list(1..255)),
  tuple_256: List.to_tuple(Enum.to_list(1..256)),
  # Binaries and bit strings.
  binaries: ["", "a", <<0>>, <<0, 255>>, "h\u00E9", <<255, 254>>],
  binary_64: String.duplicate("b", 64),
  binary_65: String.duplicate("b", 65),
  binary_1_mb: :binary.copy(<<1, 2, 3, 4>>, 262_144),
  bits: for(n <- 1..7, do: <<0x55::size(n)>>),
  bits_with_tail: for(n <- 1..7, do: <<"abc", 0x2A::size(n)>>),
  part_of_binary: binary_part(:binary.copy("0123456789", 100), 3, 500),
  # Maps.
  maps: [%{}, %{a: 1}, %{"a" => 1, :a => 2, 1 => 3, 1.0 => 4}, %{nil => nil, [] => {}, %{} => ""}],
  map_32: Map.new(1..32, &{&1, &1}),
  map_33: Map.new(1..33, &{&1, Integer.to_string(&1)}),
  map_1000: Map.new(1..1000, &{{:key, &1}, [&1]}),
  map_nested: %{a: %{b: %{c: [%{d: 1}]}}},
  structs: [1..10//2, ~D[2024-02-29], ~T[23:59:59.999999], ~U[2024-02-29 12:00:00Z], ~r/a+/iu],
  map_set: MapSet.new([1, :two, "three"]),
  exception: %ArgumentError{message: "no"},
  # Pids, ports, references: of this node and of one that is not there.
  pids: [self(), hd(Process.list())],
  pid_elsewhere: other.(88, elsewhere <> <<0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 99>>),
  ports: Port.list(),
  port_elsewhere: other.(120, elsewhere <> <<1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 99>>),
  reference: make_ref(),
  alias: :erlang.alias(),
  reference_elsewhere: other.(90, <<0, 3>> <> elsewhere <> <<0, 0, 0, 99, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3>>),
  reference_of_5: other.(90, <<0, 5>> <> elsewhere <> <<0, 0, 0, 99>> <> <<1::32, 2::32, 3::32, 4::32, 5::32>>),
  # Funs.
  external_fun: [&String.upcase/1, &:erlang.node/0, &No.Such.Module.f/3],
  local_fun: fn x -> x end,
  closure: fn -> captured end,
  compiled_fun: Task.async_stream([1], & &1),
  # Shapes.
  deep_tuples: deep.(&{&1}, 5_000),
  deep_lists: deep.(&[&1], 5_000),
  deep_maps: deep.(&%{in: &1}, 1_000),
  deep_tails: deep.(&[:x, &1 | :y], 1_000),
  wide: for(n <- 1..20_000, do: {n, "#{n}", n / 3}),
  mixed: %{call: {:"$gen_call", {self(), [:alias | make_ref()]}, {:echo, [nil, %{a: <<1::3>>}]}}}
]
