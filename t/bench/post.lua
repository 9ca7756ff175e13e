-- wrk: the same POST again and again; the sums as one JSON object

wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")


function done(summary, latency, requests)
    local e = summary.errors

    io.write(string.format('{"requests":%d,"rate":%f,"p50":%f,"p99":%f,'
                           .. '"errors":%d}\n',
                           summary.requests,
                           summary.requests / summary.duration * 1e6,
                           latency:percentile(50) / 1000,
                           latency:percentile(99) / 1000,
                           e.connect + e.read + e.write + e.status
                           + e.timeout))
end
