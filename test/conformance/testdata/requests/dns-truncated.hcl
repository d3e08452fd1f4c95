dns_config {
  enable_truncate = true
}
