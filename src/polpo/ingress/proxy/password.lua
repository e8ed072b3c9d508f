-- Whether a password (RFC 7617) is the one of which htpasswd has made `stored`: $apr1$ (Apache's MD5, 1000 rounds) or
-- {SHA}; crypt(3) knows neither. Sets txn.known. What has been right once is known by a digest, so that it costs little.
local DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
local MOST = 1000
local LONGEST = 255 -- htpasswd's own; longer ones would be hashed for a stranger, a thousand times each
local known, count = {}, 0

local function encoded(value, length)
  local text = ""
  for _ = 1, length do
    text = text .. DIGITS:sub((value & 63) + 1, (value & 63) + 1)
    value = value >> 6
  end
  return text
end

local function apr1(md5, password, salt)
  local mixed, text = md5(password .. salt .. password), password .. "$apr1$" .. salt
  for left = #password, 1, -16 do text = text .. mixed:sub(1, math.min(16, left)) end
  local bits = #password
  while bits > 0 do
    text = text .. (bits & 1 == 1 and "\0" or password:sub(1, 1))
    bits = bits >> 1
  end
  local final = md5(text)
  for round = 0, 999 do
    local odd = round & 1 == 1
    text = odd and password or final
    if round % 3 ~= 0 then text = text .. salt end
    if round % 7 ~= 0 then text = text .. password end
    final = md5(text .. (odd and final or password))
  end
  local byte = { final:byte(1, 16) }
  local parts = {}
  for _, at in ipairs({ { 1, 7, 13 }, { 2, 8, 14 }, { 3, 9, 15 }, { 4, 10, 16 }, { 5, 11, 6 } }) do
    table.insert(parts, encoded(byte[at[1]] << 16 | byte[at[2]] << 8 | byte[at[3]], 4))
  end
  return "$apr1$" .. salt .. "$" .. table.concat(parts) .. encoded(byte[12], 2)
end

local function check(txn, stored)
  local password = txn.sf:http_auth_pass()
  local key = txn.c:digest(stored .. ":" .. password, "sha256")
  local right = known[key]
  if not right and #password <= LONGEST then
    local salt = stored:match("^%$apr1%$([^$]+)%$")
    if salt then
      right = apr1(function(text) return txn.c:digest(text, "md5") end, password, salt) == stored
    else
      right = "{SHA}" .. txn.c:base64(txn.c:digest(password, "sha1")) == stored
    end
  end
  if right and not known[key] then
    if count >= MOST then known, count = {}, 0 end
    known[key], count = true, count + 1
  end
  txn:set_var("txn.known", right and true or false)
end

core.register_action("polpo_password", { "http-req" }, check, 1)
