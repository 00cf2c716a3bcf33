package demo

import "context"

func availability(context.Context, *show) error { return nil }
