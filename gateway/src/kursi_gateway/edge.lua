-- Runs at the edge of every REST call: starts the trace, and gives every error of a service the one shape
-- {code, status, reason, message, details, requestId}. Native gRPC passes untouched.

local STATUS = {
  [1] = "CANCELLED", [2] = "UNKNOWN", [3] = "INVALID_ARGUMENT", [4] = "DEADLINE_EXCEEDED", [5] = "NOT_FOUND",
  [6] = "ALREADY_EXISTS", [7] = "PERMISSION_DENIED", [8] = "RESOURCE_EXHAUSTED", [9] = "FAILED_PRECONDITION",
  [10] = "ABORTED", [11] = "OUT_OF_RANGE", [12] = "UNIMPLEMENTED", [13] = "INTERNAL", [14] = "UNAVAILABLE",
  [15] = "DATA_LOSS", [16] = "UNAUTHENTICATED",
}

local function is_grpc(content_type)
  return content_type ~= nil and string.sub(content_type, 1, 16) == "application/grpc"
end

-- The end of the JSON string that starts at `from` (a quote), escapes respected; nil when it is not closed.
local function string_end(text, from)
  local at = from + 1
  while at <= #text do
    local byte = string.byte(text, at)
    if byte == 92 then
      at = at + 2
    elseif byte == 34 then
      return at
    else
      at = at + 1
    end
  end
  return nil
end

-- The JSON string, quotes included, that follows `"key":` after position `from`.
local function json_string(text, key, from)
  local _, stop = string.find(text, '"' .. key .. '":%s*"', from)
  if not stop then return nil end
  local closing = string_end(text, stop)
  return closing and string.sub(text, stop, closing)
end

-- The JSON string under `key` of the first detail of a type.
local function detail(text, kind, key)
  local at = string.find(text, "type.googleapis.com/google.rpc." .. kind, 1, true)
  return at and json_string(text, key, at)
end

local function byte_of(hex) return string.char(tonumber(hex, 16)) end

-- Whether the query says a field that the path has said: of both the transcoder would believe the query, and cancel
-- another booking than the one in the path. It reads `booking%49d` as `bookingId`. BOUND comes from the contract.
local function says_again(path)
  local mark = string.find(path, "?", 1, true)
  if not mark then return false end
  local before, query = string.sub(path, 1, mark), "&" .. string.sub(path, mark + 1)
  for name in string.gmatch(query, "&([^=&]+)=") do
    for _, collection in ipairs(BOUND[string.gsub(name, "%%(%x%x)", byte_of)] or {}) do
      if string.find(before, collection, 1, true) then return true end
    end
  end
  return false
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if says_again(headers:get(":path") or "") then
    handle:respond({[":status"] = "400"}, "The path and the query say the same field.")
    return
  end
  local id = headers:get("x-request-id")
  handle:streamInfo():dynamicMetadata():set("kursi", "request_id", id or "")
  if not headers:get("traceparent") and id then
    local hex = string.gsub(id, "-", "")
    -- The edge begins the trace: its id is the request id, so that a log line leads to the trace.
    if #hex == 32 then headers:add("traceparent", "00-" .. hex .. "-" .. string.sub(hex, 17) .. "-01") end
  end
end

local function rename_limits(headers)
  for _, name in ipairs({"limit", "remaining", "reset"}) do
    local value = headers:get("x-ratelimit-" .. name)
    if value then
      headers:remove("x-ratelimit-" .. name)
      headers:replace("ratelimit-" .. name, string.match(value, "^%d+") or value)
    end
  end
  if headers:get(":status") == "429" and not headers:get("retry-after") then
    headers:replace("retry-after", headers:get("ratelimit-reset") or "1")
  end
end

local function shape_error(handle)
  local body = handle:body()
  local headers = handle:headers() -- waiting for the body has outdated what was held before
  local text = body and body:getBytes(0, body:length()) or ""
  local code = tonumber(string.match(text, '^{"code":(%d+)'))
  -- The gateway's own errors have the shape already; their keys are sorted. A service's error may hold any key anywhere else.
  if not code or string.find(text, '^{"code":%d+,"details":%[%],"message":') then return end
  local reason = detail(text, "ErrorInfo", "reason") or '"' .. (STATUS[code] or "UNKNOWN") .. '"'
  local message = detail(text, "LocalizedMessage", "message") or json_string(text, "message", 1) or '""'
  local start = string.find(text, '"details":[', 1, true)
  local details = start and string.sub(text, start + 10, -2) or "[]"
  local kept = handle:streamInfo():dynamicMetadata():get("kursi")
  local delay = detail(text, "RetryInfo", "retryDelay")
  if delay then
    headers:replace("retry-after", tostring(math.ceil(tonumber(string.match(delay, "[%d.]+")) or 1)))
  end
  if headers:get(":status") == "401" then headers:replace("www-authenticate", 'Bearer realm="kursi"') end
  -- HTTP has a status of its own for this, and the gateway's refusals carry it; the transcoder knows only the gRPC code.
  if reason == '"BODY_TOO_LARGE"' then headers:replace(":status", "413") end
  local shaped = '{"code":' .. code .. ',"status":"' .. (STATUS[code] or "UNKNOWN") .. '","reason":' .. reason
    .. ',"message":' .. message .. ',"details":' .. details
    .. ',"requestId":"' .. ((kept and kept["request_id"]) or "") .. '"}'
  headers:replace("content-length", tostring(body:setBytes(shaped)))
  headers:replace("content-type", "application/json")
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if is_grpc(headers:get("content-type")) then return end
  headers:remove("grpc-status")
  headers:remove("grpc-message")
  headers:remove("grpc-status-details-bin")
  headers:remove("grpc-accept-encoding")
  rename_limits(headers)
  if tonumber(headers:get(":status")) >= 400 then shape_error(handle) end
end
