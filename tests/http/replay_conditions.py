"""What the recordings need around them: requests that were made between the recorded ones, and
conditions of the outside world (a broker that is down, a bot that crashes).

Each row: recorded exchange -> what happens just before it. An exchange is named by the beginning of
its file name. An act is ("POST", path, body) for a request to the API, ("control", path, body) for a
switch of the simulator, ("wait", seconds), or ("deploy", body, fault) whose unique name is the one
that the recordings use from then on.
"""

PMM = {
    "buy_amounts_pct": [1, 1], "buy_spreads": [0.0003, 0.02], "connector_name": "binance",
    "controller_name": "pmm_simple", "controller_type": "market_making", "cooldown_time": 3,
    "executor_refresh_time": 3600, "leverage": 1, "sell_amounts_pct": [1, 1],
    "sell_spreads": [0.0003, 0.02], "skip_rebalance": True, "stop_loss": 0.05, "take_profit": 0.05,
    "time_limit": 3600, "total_amount_quote": 400, "trading_pair": "BTC-USDT",
}
GRID = {
    "controller_name": "grid_strike", "controller_type": "generic", "connector_name": "binance",
    "trading_pair": "BTC-USDT", "side": 1, "start_price": 59000, "end_price": 61000,
    "limit_price": 58000, "total_amount_quote": 400, "min_spread_between_orders": 0.0005,
    "min_order_amount_quote": 20, "max_open_orders": 4, "max_orders_per_batch": 2,
    "order_frequency": 1, "leverage": 1,
    "triple_barrier_config": {"take_profit": 0.02, "open_order_type": 3,
                              "take_profit_order_type": 3},
}
LIGHT = "fakebot/hummingbot:light"


def script(*controllers):
    return {"script_file_name": "v2_with_controllers.py",
            "controllers_config": [c + ".yml" for c in controllers]}


def controllers_deploy(name, configs, image=None, headless=True):
    body = {"instance_name": name, "credentials_profile": "master_account",
            "controllers_config": configs, "headless": headless}
    if image:
        body["image"] = image
    return body


def script_deploy(name, config, headless=True, image=None):
    body = {"instance_name": name, "credentials_profile": "master_account",
            "script": "v2_with_controllers", "script_config": config, "headless": headless}
    if image:
        body["image"] = image
    return body


def conditions(**changes):
    return ("control", "/_simulator/conditions", changes)


def crash(unique):
    return ("control", "/_simulator/bots/%s/crash" % unique, {})


def live(unique, controller, changes):
    return ("POST", "/controllers/bots/%s/%s/config" % (unique, controller), changes)


def stop(unique):
    return ("POST", "/bot-orchestration/stop-bot", {"bot_name": unique})


# Archives made by requests that were not recorded: only these bots are looked for.
ARCHIVED = {"c8-real-archived-bots": ("bn7n", "bn7o")}

TBONE_1, TBONE_2 = "tbone-20261122-153135", "tbone-20261122-153442"
TBONE, TBTWO = "tbone-20261122-153628", "tbtwo-20261122-153949"
BN6A, BN6B = "hummingbot-bn6a-20261122-164211", "hummingbot-bn6b-20261122-164214"

BEFORE = {
    "060": [("POST", "/scripts/configs/tb_garbage", {"foo": {"bar": [1, None, True, 1.5]}})],
    "064": [("DELETE", "/scripts/configs/tb_garbage", None)],
    "089": [("POST", "/controllers/configs/tb_pmm_bad", {"anything": "goes"})],
    "092": [("DELETE", "/controllers/configs/tb_pmm_bad", None)],
    "104": [("POST", "/docker/pull-image/", {"image_name": "hummingbot/hummingbot:development"})],
    "106": [("wait", 1.6)],
    "138": [("fault", "created")],
    "140": [("at", "15:31:35"), ("deploy", controllers_deploy("tbone", ["tb_pmm"]), TBONE_1),
            ("wait", 4.4), crash(TBONE_1), ("POST", "/docker/clean-exited-containers", None)],
    "142": [("at", "15:34:46"), crash(TBONE_2)],
    "156": [live(TBONE, "tb_pmm", {"buy_amounts_pct": [1, 1], "sell_amounts_pct": [1, 1],
                                   "skip_rebalance": True})],
    "165": [stop(TBONE)],
    "196": [("POST", "/bot-orchestration/stop-and-archive-bot/" + TBTWO, None)],
    "200": [("wait", 1.0)],
    "201": [("wait", 13.0)],
    "208": [("POST", "/docker/start-container/" + TBONE, None)],
    "209": [("control", "/_simulator/images", {"name": LIGHT, "bot": False}),
            ("deploy", controllers_deploy("tbdup", ["tb_pmm"], LIGHT), "tbdup-20261122-154235"),
            ("second",)],
    "212": [("deploy", controllers_deploy("tbmiss", ["does_not_exist"]), "tbmiss-20261122-154236")],
    "220": [("at", "15:42:39"),
            ("deploy", script_deploy("tbscr", "tb_s.yml"), "tbscr-20261122-154236")],
    "237": [("at", "15:43:26"), conditions(broker="down")],
    "250": [("at", "15:44:10"), conditions(broker="up")],
    "252": [conditions(engine_sleep_ms=8000)],
    "254": [("at", "15:45:17"), conditions(engine="down")],
    "264": [("POST", "/bot-orchestration/stop-and-archive-bot/" + TBONE, None), ("wait", 0.1)],
    "268": [("at", "15:46:30"), conditions(engine="up", forget_containers=True), ("wait", 8)],
    "269": [crash("tbscr-20261122-154236"), crash(TBONE)],
    "270": [("at", "15:47:33"), crash("tbcrash-20261122-154715")],
    "284": [("POST", "/bot-orchestration/start-bot", {"bot_name": "tbui-20261122-154803"})],
    "288": [("control", "/_simulator/restart", {}), ("wait", 2),
            ("POST", "/accounts/add-credential/master_account/binance",
             {"binance_api_key": "k", "binance_api_secret": "s"})],
    "293": [conditions(orders="rejected")],
    "298": [("at", "15:56:33"), conditions(orders="accepted")],
    "336": [("POST", "/controllers/configs/tb_big", {"a": list(range(100))})],
    "344": [("RAW", "/scripts/configs/tb_nan", '{"a": NaN, "b": Infinity}')],
    "348": [("RAW", "/scripts/configs/tb_dup", '{"a": 1, "a": 2}')],
    "357": [conditions(candles="missing")],
    "358": [conditions(candles="ready")],
    "364": [conditions(database="down")],
    "372": [conditions(database="up")],

    "cx-001": [conditions(forget_containers=True), ("wait", 2)],
    "c1a-get-script-config-404": [("DELETE", "/scripts/configs/bn_s1a", None)],
    "c1b-get-controller-config-404": [("DELETE", "/controllers/configs/bn_c1b", None)],
    "c1b-bot-configs-057": [live("hummingbot-bn1b-20261122-164213", "bn_c1b",
                                 {"executor_refresh_time": 6, "buy_spreads": [0.0003, 0.01]})],
    "c1a-bot-configs-2": [live("hummingbot-bn1a-20261122-164210", "bn_c1a",
                               {"executor_refresh_time": 8})],
    "c6a-refresh-back-configs": [live(BN6A, "bn_c6a", {"executor_refresh_time": 3600})],
    "c6a-nonupdatable-configs": [live(BN6A, "bn_c6a",
                                      {"leverage": 7, "trading_pair": "ETH-USDT"})],
    "c6a-unknown-123": [live(BN6A, "bn_c6a", {"leverage": 1, "trading_pair": "BTC-USDT"})],
    "c6a-unknown-then-kill-configs": [live(BN6A, "bn_c6a", {"manual_kill_switch": True})],
    "c6a-unknown-null-configs": [live(BN6A, "bn_c6a",
                                      {"bogus_key": None, "manual_kill_switch": False})],
    "c6a-badvalue-configs": [live(BN6A, "bn_c6a", {"executor_refresh_time": "abc"})],
    "c6b-poisoned-start": [("POST", "/docker/stop-container/" + BN6B, None)],
    "c41a-status-just-after": [stop("hummingbot-bn41a-20261122-164425")],
    "c42b-status-just-after": [stop("hummingbot-bn42b-20261122-164435")],
    "c44b-status-just-after": [stop("hummingbot-bn44b-20261122-164439")],
    "c53b-exited": [("POST", "/docker/stop-container/hummingbot-bn43b-20261122-164437", None)],
    "c1ob-stop-bot": [("POST", "/docker/start-container/hummingbot-bnAb-20261122-165809", None),
                      ("wait", 8)],
    "c8-len-244": [("fault", "created")],
    "c3ta-deploy-timeout": [("fault", "engine_timeout")],
    "c3tb-deploy-timeout": [("fault", "engine_timeout")],
    "c3ta-status-after-start": [("POST", "/docker/start-container/hummingbot-bn9a-20261122-165536",
                                 None), ("wait", 7)],
    "c7-1-resting": [("order", {"account_name": "master_account", "connector_name": "binance",
                                "trading_pair": "ETH-USDT", "trade_type": "SELL", "amount": 2,
                                "order_type": "LIMIT", "price": 4000},
                      "x-MG43PCSNSEHUT660e048ec7b22ed72")],
    "c4kc-status-after-366": [stop("hummingbot-bn5c-20261122-165208"), ("wait", 7)],
}

# Burnt deploys: which file is missing when the deploy comes.
BURNT_SCRIPT = ("bn2sh", "bn2su", "bn2q0", "bn2q2", "bn2q4")
BURNT_CONTROLLER = ("bn2ch", "bn2cu", "bn2dh", "bn2du", "bn2q1", "bn2q3", "bn2q5")

# No exchange of the API: the process was down.
SKIPPED = {"286": "the API process was down: there is no answer to compare"}

# Folders that were deleted by hand on the recorded machine.
GONE = {TBONE_1, TBONE_2}

# Figures of the real exchange's mock, the machine or Python source that no stand-in can know. The
# shape is compared, the value is not.
SHAPE_ONLY = {
    "content", "broker_port", "realized_pnl_quote", "unrealized_pnl_quote", "unrealized_pnl_pct",
    "realized_pnl_pct", "global_pnl_quote", "global_pnl_pct", "volume_traded", "close_type_counts",
    "error_logs", "general_logs", "final_status", "trades", "exchange_order_id", "duration_seconds",
}
SHAPE_ONLY_AT = {
    "/system/": {"percent", "load_avg_1m", "load_avg_5m", "load_avg_15m", "total", "available",
                 "used", "free", "mountpoint"},
    "/storage/": {"size_bytes", "size_human", "total_size_bytes", "total_size_human", "item_count"},
    "/archived-bots/": {"total", "total_orders", "total_trades", "total_executors", "executors",
                        "config", "has_more"},
    "/portfolio/": {"price", "units", "value", "available_units", "total_portfolio_value",
                    "percentage", "total_units", "total_value"},
    "/market-data/": {"price", "amount"},
}
