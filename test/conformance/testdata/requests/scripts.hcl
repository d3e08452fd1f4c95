enable_script_checks = true
