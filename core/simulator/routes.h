/* The handlers behind the route table. Each runs with the event loop and the mutex held. */
#ifndef TB_SIMULATOR_ROUTES_H
#define TB_SIMULATOR_ROUTES_H

#include "simulator/host.h"

extern const char *const sim_connectors[]; /* end with NULL */
bool sim_connector_known(const struct sim_world *w, const char *name);

void sim_delete_archive(struct sim_call *call);
void sim_delete_controller(struct sim_call *call);
void sim_delete_controller_config(struct sim_call *call);
void sim_delete_run(struct sim_call *call);
void sim_delete_script(struct sim_call *call);
void sim_delete_script_config(struct sim_call *call);
void sim_get_accounts(struct sim_call *call);
void sim_get_active(struct sim_call *call);
void sim_get_archive_part(struct sim_call *call);
void sim_get_archived(struct sim_call *call);
void sim_get_bot_configs(struct sim_call *call);
void sim_get_bot_status(struct sim_call *call);
void sim_get_candle_connectors(struct sim_call *call);
void sim_get_config_map(struct sim_call *call);
void sim_get_connectors(struct sim_call *call);
void sim_get_controller(struct sim_call *call);
void sim_get_controller_config(struct sim_call *call);
void sim_get_controller_configs(struct sim_call *call);
void sim_get_controller_template(struct sim_call *call);
void sim_get_controllers(struct sim_call *call);
void sim_get_credentials(struct sim_call *call);
void sim_get_docker_running(struct sim_call *call);
void sim_get_executors_summary(struct sim_call *call);
void sim_get_exited(struct sim_call *call);
void sim_get_gateway_chains(struct sim_call *call);
void sim_get_gateway_connector(struct sim_call *call);
void sim_get_gateway_connectors(struct sim_call *call);
void sim_get_gateway_logs(struct sim_call *call);
void sim_get_gateway_network(struct sim_call *call);
void sim_get_gateway_networks(struct sim_call *call);
void sim_get_gateway_status(struct sim_call *call);
void sim_get_gateway_tokens(struct sim_call *call);
void sim_get_gateway_wallets(struct sim_call *call);
void sim_get_history(struct sim_call *call);
void sim_get_images(struct sim_call *call);
void sim_get_mqtt(struct sim_call *call);
void sim_get_openapi(struct sim_call *call);
void sim_get_oracle_config(struct sim_call *call);
void sim_get_oracle_prices(struct sim_call *call);
void sim_get_oracle_rate(struct sim_call *call);
void sim_get_oracle_sources(struct sim_call *call);
void sim_get_order_types(struct sim_call *call);
void sim_get_performance_history(struct sim_call *call);
void sim_get_performance_latest(struct sim_call *call);
void sim_get_pull_status(struct sim_call *call);
void sim_get_resources(struct sim_call *call);
void sim_get_root(struct sim_call *call);
void sim_get_run(struct sim_call *call);
void sim_get_runs(struct sim_call *call);
void sim_get_runs_stats(struct sim_call *call);
void sim_get_script(struct sim_call *call);
void sim_get_script_config(struct sim_call *call);
void sim_get_script_configs(struct sim_call *call);
void sim_get_script_template(struct sim_call *call);
void sim_get_scripts(struct sim_call *call);
void sim_get_status(struct sim_call *call);
void sim_get_storage(struct sim_call *call);
void sim_get_trading_rules(struct sim_call *call);
void sim_post_add_account(struct sim_call *call);
void sim_post_add_credential(struct sim_call *call);
void sim_post_archive(struct sim_call *call);
void sim_post_bot_config(struct sim_call *call);
void sim_post_candles(struct sim_call *call);
void sim_post_clean_exited(struct sim_call *call);
void sim_post_controller(struct sim_call *call);
void sim_post_controller_config(struct sim_call *call);
void sim_post_delete_account(struct sim_call *call);
void sim_post_delete_credential(struct sim_call *call);
void sim_post_deploy_controllers(struct sim_call *call);
void sim_post_deploy_script(struct sim_call *call);
void sim_post_empty_page(struct sim_call *call);
void sim_post_gateway_restart(struct sim_call *call);
void sim_post_gateway_start(struct sim_call *call);
void sim_post_gateway_stop(struct sim_call *call);
void sim_post_oracle_rates(struct sim_call *call);
void sim_post_order(struct sim_call *call);
void sim_post_order_book(struct sim_call *call);
void sim_post_order_cancel(struct sim_call *call);
void sim_post_orders_active(struct sim_call *call);
void sim_post_orders_search(struct sim_call *call);
void sim_post_portfolio_distribution(struct sim_call *call);
void sim_post_portfolio_state(struct sim_call *call);
void sim_post_prices(struct sim_call *call);
void sim_post_pull(struct sim_call *call);
void sim_post_quote(struct sim_call *call);
void sim_post_remove_container(struct sim_call *call);
void sim_post_script(struct sim_call *call);
void sim_post_script_config(struct sim_call *call);
void sim_post_start_bot(struct sim_call *call);
void sim_post_start_container(struct sim_call *call);
void sim_post_stop_bot(struct sim_call *call);
void sim_post_stop_container(struct sim_call *call);
void sim_post_validate(struct sim_call *call);

#endif
