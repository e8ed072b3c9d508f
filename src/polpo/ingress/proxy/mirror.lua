-- Copies a request to somebody whose answer nobody hears: to a URL, or (`dst`) to our own frontend of mirrors, which asks
-- the backend that x-polpo-mirror names. What does not fit into HAProxy's buffer (16 KiB), or has no length, is not copied.
local HOP = { ["content-length"] = true, ["transfer-encoding"] = true, connection = true, expect = true, upgrade = true,
  te = true, ["proxy-connection"] = true, ["x-polpo-mirror"] = true }
local MOST = 1000 -- on their way at once, of a thread
local CALLS = { GET = "get", HEAD = "head", POST = "post", PUT = "put", DELETE = "delete" }
local busy = 0

local function filled(url, txn, host)
  local path = txn.sf:pathq()
  local values = { scheme = txn:get_var("sess.proto") or txn:get_var("txn.proto") or "http", host = host:gsub(":%d+$", ""), http_host = host,
    best_http_host = host, request_uri = path }
  return (url:gsub("%${?([%a_]+)}?", function(name) return values[name] or "" end))
end

local function mirror(txn, url, host, to, with_body)
  local call, asked = CALLS[txn.sf:method()], txn.sf:req_hdr("host") or ""
  local length = tonumber(txn.sf:req_hdr("content-length")) or 0
  local body = with_body == "on" and txn.sf:req_body() or ""
  local whole = with_body ~= "on" or (#body == length and not txn.sf:req_hdr("transfer-encoding"):find("%S"))
  if not call or busy >= MOST or not whole or txn.sf:req_hdr("upgrade") ~= "" then return end
  local headers = {}
  for name, list in pairs(txn.http:req_get_headers()) do
    if not HOP[name] and (name ~= "host" or to ~= "-") then
      headers[name] = {}
      for _, value in pairs(list) do table.insert(headers[name], value) end
    end
  end
  if host ~= "-" then headers.host = { host } end
  local request = { url = filled(url, txn, asked), headers = headers, timeout = 5000 }
  if #body > 0 then
    request.body = body
    headers["content-length"] = { tostring(#body) }
  end
  if to ~= "-" then
    headers["x-polpo-mirror"] = { to }
    request.dst = "unix@mirrors.sock"
  end
  busy = busy + 1
  core.register_task(function()
    local client = core.httpclient()
    pcall(client[call], client, request)
    busy = busy - 1
  end)
end

core.register_action("polpo_mirror", { "http-req" }, mirror, 4)
