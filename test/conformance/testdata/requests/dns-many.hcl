dns_config {
  udp_answer_limit = 100
}
