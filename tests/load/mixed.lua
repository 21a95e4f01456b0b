-- What wrk sends in soak.py: reads of what is always there, and writes, deletes and listings of what each thread has
-- for itself. wrk.headers has the Host; the bucket lets anybody in. Options: objects seed
local threads, bodies = 0, {}

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  objects, wrong = tonumber(args[1]), 0
  math.randomseed(tonumber(args[2]) * 100 + number)
  for i, size in ipairs({ 0, 100, 300, 1000, 4000, 20000, 70000 }) do
    bodies[i] = string.rep("s", size)
  end
end

function request()
  local dice = math.random(100)
  if dice <= 55 then
    return wrk.format("GET", string.format("/soak/soak/%08d", math.random(0, objects - 1)))
  elseif dice <= 60 then -- no HEAD: wrk waits for the body that its length tells of
    return wrk.format("GET", string.format("/soak?list-type=2&max-keys=5&delimiter=/&prefix=soak/%03d", math.random(0, 99)))
  elseif dice <= 64 then
    return wrk.format("GET", string.format("/soak?list-type=2&max-keys=50&prefix=soak/%05d", math.random(0, 999)))
  end
  local key = string.format("/soak/mixed/%d/%d", number, math.random(0, 2000))
  if dice <= 70 then
    return wrk.format("DELETE", key)
  end
  return wrk.format("PUT", key, nil, bodies[math.random(#bodies)])
end

function response(status, headers, body)
  if status ~= 200 and status ~= 204 then
    wrong = wrong + 1
    if wrong < 3 then
      io.stderr:write(status, " ", string.sub(body, 1, 300), "\n")
    end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n', summary.requests,
    latency:percentile(50), latency:percentile(99), errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
