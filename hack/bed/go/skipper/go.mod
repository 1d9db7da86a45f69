module skipper

go 1.21

require github.com/zalando/skipper v0.20.0
