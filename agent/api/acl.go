package api

import "net/http"

// aclRoutes are the paths of access control, which there is none of: everyone
// may do everything, and is told so in the words that clients look for.
var aclRoutes = []route{
	{path: "/v1/acl/bootstrap", put: aclDisabled},
	{path: "/v1/acl/login", post: aclDisabled},
	{path: "/v1/acl/logout", post: aclDisabled},
	{path: "/v1/acl/replication", get: aclDisabled},
	{path: "/v1/acl/policies", get: aclDisabled},
	{path: "/v1/acl/policy", put: aclDisabled},
	{path: "/v1/acl/policy/{id...}", get: aclDisabled, put: aclDisabled, del: aclDisabled},
	{path: "/v1/acl/policy/name/{name...}", get: aclDisabled},
	{path: "/v1/acl/roles", get: aclDisabled},
	{path: "/v1/acl/role", put: aclDisabled},
	{path: "/v1/acl/role/{id...}", get: aclDisabled, put: aclDisabled, del: aclDisabled},
	{path: "/v1/acl/role/name/{name...}", get: aclDisabled},
	{path: "/v1/acl/binding-rules", get: aclDisabled},
	{path: "/v1/acl/binding-rule", put: aclDisabled},
	{path: "/v1/acl/binding-rule/{id...}", get: aclDisabled, put: aclDisabled, del: aclDisabled},
	{path: "/v1/acl/auth-methods", get: aclDisabled},
	{path: "/v1/acl/auth-method", put: aclDisabled},
	{path: "/v1/acl/auth-method/{name...}", get: aclDisabled, put: aclDisabled, del: aclDisabled},
	{path: "/v1/acl/tokens", get: aclDisabled},
	{path: "/v1/acl/token", put: aclDisabled},
	{path: "/v1/acl/token/self", get: aclDisabled},
	{path: "/v1/acl/token/{id...}", get: aclDisabled, put: aclDisabled, del: aclDisabled},
	{path: "/v1/acl/templated-policies", get: aclDisabled},
	{path: "/v1/acl/templated-policy/name/{name...}", get: aclDisabled},
	{path: "/v1/acl/templated-policy/preview/{name...}", post: aclDisabled},
	{path: "/v1/internal/acl/authorize", post: aclDisabled},
	{path: "/v1/agent/token/{kind...}", put: aclDisabled},
}

func aclDisabled(*http.Request) (any, error) {
	return nil, &failure{http.StatusUnauthorized, "ACL support disabled"}
}
