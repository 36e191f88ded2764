defmodule ExCluster.MixProject do
  use Mix.Project

  def project do
    [
      app: :ex_cluster,
      version: "0.1.0",
      elixir: "~> 1.14",
      # No packages at all: `mix release` builds it on a machine without a network.
      deps: [],
      releases: [
        ex_cluster: [
          include_executables_for: [:unix],
          rel_templates_path: "../../rel",
          # `false` takes the Erlang that is on the PATH when it starts.
          include_erts: System.get_env("INCLUDE_ERTS", "true") == "true"
        ]
      ]
    ]
  end

  def application do
    [extra_applications: [:logger, :inets, :ssl, :crypto], mod: {ExCluster.Application, []}]
  end
end
