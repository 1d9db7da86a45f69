package buildcontext

import (
	"errors"
	"io"
	"strings"

	"github.com/chainguard-dev/kaniko/pkg/constants"
)

// BuildOptions are those of the contexts that kaniko's own command knows.
type BuildOptions struct {
	GitBranch            string
	GitSingleBranch      bool
	GitRecurseSubmodules bool
	InsecureSkipTLS      bool
}

// BuildContext is where the files of a build are.
type BuildContext interface {
	UnpackTarFromBuildContext() (string, error)
}

// GetBuildContext finds the files of a build in a folder; kaniko's own also fetches them from Git and from clouds.
func GetBuildContext(srcContext string, _ BuildOptions) (BuildContext, error) {
	folder, is := strings.CutPrefix(srcContext, constants.LocalDirBuildContextPrefix)
	if !is {
		return nil, errors.New("this kaniko builds from dir:// only")
	}
	return &Dir{context: folder}, nil
}

// UploadToBucket would put kaniko's own benchmarks into a cloud.
func UploadToBucket(io.Reader, string) error { return errors.New("this kaniko knows no bucket") }
