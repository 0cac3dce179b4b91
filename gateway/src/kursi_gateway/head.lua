-- Runs for HEAD alone: it is answered as GET would be, without the content. The contract knows no HEAD.

function envoy_on_request(handle)
  handle:headers():replace(":method", "GET")
  handle:streamInfo():dynamicMetadata():set("kursi.head", "asked", true)
end

function envoy_on_response(handle)
  -- What is refused before any filter sees the request comes by here, too, whatever its method was.
  if not handle:streamInfo():dynamicMetadata():get("kursi.head") then return end
  -- Piece by piece, as they come: the content of a file can be more than fits into a filter's buffer.
  for piece in handle:bodyChunks() do piece:setBytes("") end
end
