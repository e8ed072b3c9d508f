-- Asks a URL whether a request may come (ingress-nginx's auth-url). Sets txn.external (the status) and,
-- where somebody is to sign in first, txn.signin (a URL). HAProxy 2.6's httpclient.
local HOP = { host = true, ["content-length"] = true, ["transfer-encoding"] = true, connection = true,
  expect = true, upgrade = true, te = true, ["accept-encoding"] = true, ["proxy-connection"] = true }

local function escaped(text)
  return (text:gsub("[^%w%-._~]", function(c) return string.format("%%%02X", c:byte()) end))
end

local function filled(url, values)
  return (url:gsub("%${?([%a_]+)}?", function(name) return values[name] or "" end))
end

local function ask(txn, url, method, wanted, signin)
  local host = txn.sf:req_hdr("host") or ""
  local path = txn.sf:path() .. (txn.sf:query() ~= "" and "?" .. txn.sf:query() or "")
  local scheme = txn:get_var("sess.proto") or txn:get_var("txn.proto") or "http"
  local values = { scheme = scheme, host = host:gsub(":%d+$", ""), http_host = host, best_http_host = host,
    request_uri = path, escaped_request_uri = escaped(path) }
  local headers = {}
  for name, list in pairs(txn.http:req_get_headers()) do
    if not HOP[name] then
      headers[name] = {}
      for _, value in pairs(list) do table.insert(headers[name], value) end
    end
  end
  headers["x-original-url"] = { scheme .. "://" .. host .. path }
  headers["x-original-method"] = { txn.sf:method() }
  headers["x-auth-request-redirect"] = { path }
  local call = ({ GET = "get", HEAD = "head", POST = "post", PUT = "put" })[method]
  local client = core.httpclient()
  local answer = client[call](client, { url = filled(url, values), headers = headers, timeout = 5000 })
  local status = answer and answer.status or 0
  if status >= 200 and status < 300 then
    for name in wanted:gmatch("[^,]+") do
      local found = answer.headers and answer.headers[name]
      if found and found[0] then txn.http:req_set_header(name, found[0]) end
    end
    status = 200
  elseif status == 401 and signin ~= "-" then
    txn:set_var("txn.signin", filled(signin, values))
  end
  txn:set_var("txn.external", status)
end

core.register_action("polpo_external", { "http-req" }, ask, 4)
