domain     = "home.net"
alt_domain = "Other"
dns_config {
  only_passing                    = true
  node_ttl                        = "30s"
  enable_additional_node_meta_txt = false
  service_ttl {
    "web"  = "5s"
    "we*"  = "6s"
    "w*"   = "7s"
    "*"    = "8s"
  }
  soa {
    refresh = 1
    retry   = 2
    expire  = 3
    min_ttl = 4
  }
}
