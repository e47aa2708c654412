-- For wrk: each keep-alive connection rests between its requests, so that the demo shows traffic and
-- does not only measure how much of it fits on this machine.
local rest_ms = tonumber(os.getenv("WRK_REST_MS") or "10")

function delay()
  return rest_ms
end
