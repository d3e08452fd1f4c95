recursors = ["{recursor}"]
