defmodule ExCluster.Application do
  @moduledoc """
  An Elixir release as they run on Kubernetes: discovery by the topologies of the environment, and
  a server that says who is there.
  """
  use Application

  @impl true
  def start(_type, _args) do
    children = [ExCluster.Observe | ExCluster.Topology.children(ExCluster.Topology.from_env())]
    Supervisor.start_link(children, strategy: :one_for_one, name: ExCluster.Supervisor)
  end
end
