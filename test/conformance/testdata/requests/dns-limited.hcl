dns_config {
  udp_answer_limit = 2
  a_record_limit   = 4
  disable_compression = true
}
