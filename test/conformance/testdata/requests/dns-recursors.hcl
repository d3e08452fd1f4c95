recursors = ["{failing}", "{recursor}"]
