-- Runs for gRPC and gRPC-Web alone, once the body is whole: what REST sends is a message always. Services wait for the message
-- of a call until its deadline, also when the call has ended without one, and a thousand that wait are all that may.

function envoy_on_request(handle)
  local body = handle:body()
  local size = body and body:length() or 0
  if size >= 5 then
    -- A byte about compression, then the message's length, then the message.
    local _, first, second, third, last = string.byte(body:getBytes(0, 5), 1, 5)
    if size - 5 >= ((first * 256 + second) * 256 + third) * 256 + last then return end
  end
  handle:respond({[":status"] = "400"}, "The call ended before its message did.")
end
