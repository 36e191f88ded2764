defmodule Shop.Hit do
  defstruct [:id, :score]
end

defmodule Shop.Search do
  # The functions that the module with `use Rustler` had: who called them need not change.
  #
  # A reference from `new/0` said which index was meant; a name and a node say it now.

  def add(id, text), do: GenServer.cast(server(), {:add, id, text})
  def search(query), do: GenServer.call(server(), {:search, query})
  def similar(word), do: GenServer.call(server(), {:similar, word}, 30_000)
  def size, do: GenServer.call(server(), {:size})

  # The node is one more dependency that can be away: say what that means for you.
  def search_or_nothing(query) do
    search(query)
  catch
    :exit, {reason, {GenServer, :call, _}} -> {:error, reason}
  end

  defp server, do: {:search, Application.fetch_env!(:shop, :search_node)}
end
